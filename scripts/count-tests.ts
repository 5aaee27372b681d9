/**
 * Counts the tests in a report of `vitest --reporter=json` for `scripts/test`. Takes the
 * report's file and the exit status of vitest; prints a line for everything that failed
 * without being a failed test, then "PASSED FAILED".
 *
 * @module
 */
import { readFileSync } from 'node:fs';

type Report = {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: 'passed' | 'failed';
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
};

const [file = '', exitStatus = ''] = process.argv.slice(2);
const notes: string[] = [];
const report = readReport();
const tests = report.testResults.flatMap((result) => result.assertionResults);

const passed = tests.filter(({ status }) => status === 'passed').length;
let failed = tests.filter(({ status }) => status === 'failed').length;

for (const { fullName, status } of tests) {
  if (status === 'passed' || status === 'failed') continue;
  const isExplained = / because /.test(fullName);
  if (!isExplained) failed += 1;
  notes.push(`${isExplained ? 'skipped' : 'failed, skipped without a reason'}: ${fullName}`);
}
for (const { name, status, assertionResults } of report.testResults) {
  if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) {
    failed += 1;
    notes.push(`failed outside of its tests: ${name}`);
  }
}
if (tests.length === 0) {
  failed += 1;
  notes.push('failed: no test was run');
}
if (exitStatus !== '0' && failed === 0) {
  failed += 1;
  notes.push(`failed: vitest ended with exit status ${exitStatus}`);
}
process.stdout.write(`${[...notes, `${passed} ${failed}`].join('\n')}\n`);

/** An empty report when vitest did not live to write one. */
function readReport(): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { testResults: [] };
  }
}
