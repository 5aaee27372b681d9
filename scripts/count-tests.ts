/**
 * Counts the tests in a report of `vitest --reporter=json` for `scripts/test`. As a program it
 * takes the report's file, the exit status of vitest and the row that was asked for, if one was,
 * and prints a line for everything that failed without being a failed test, then "PASSED FAILED".
 *
 * @module
 */
import { readFileSync } from 'node:fs';

/** What is read of a report. */
export type Report = {
  readonly testResults: readonly {
    /** Of the file. */
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
};

export type Count = {
  readonly passed: number;
  readonly failed: number;
  /** What else a reader should know, a line each. */
  readonly notes: readonly string[];
};

/**
 * A skipped test is no success unless its name says why: "… because …".
 *
 * @param row the first word of the only test that was asked for; empty for all tests
 */
export function countTests(report: Report, exitStatus: number, row = ''): Count {
  const tests = report.testResults
    .flatMap((file) => file.assertionResults)
    .filter(({ fullName }) => row === '' || fullName.startsWith(`${row} `));
  const withStatus = (status: string) => tests.filter((test) => test.status === status);
  const skipped = tests
    .filter(({ status }) => status !== 'passed' && status !== 'failed')
    .map(({ fullName }) => fullName);
  const isExplained = (name: string) => name.includes(' because ');
  const brokenFiles = report.testResults.filter(
    (file) =>
      file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const failures = [
    ...skipped
      .filter((name) => !isExplained(name))
      .map((name) => `failed, skipped without a reason: ${name}`),
    ...brokenFiles.map(({ name }) => `failed outside of its tests: ${name}`),
    ...(tests.length === 0 ? ['failed: no test was run'] : []),
  ];
  const failedTests = withStatus('failed').length;
  if (exitStatus !== 0 && failedTests + failures.length === 0) {
    failures.push(`failed: vitest ended with exit status ${exitStatus}`);
  }
  return {
    passed: withStatus('passed').length,
    failed: failedTests + failures.length,
    notes: [...failures, ...skipped.filter(isExplained).map((name) => `skipped: ${name}`)],
  };
}

if (import.meta.main) {
  const [file = '', exitStatus, row] = process.argv.slice(2);
  const { passed, failed, notes } = countTests(readReport(file), Number(exitStatus), row);
  process.stdout.write(`${[...notes, `${passed} ${failed}`].join('\n')}\n`);
}

/** An empty report when vitest did not live to write one. */
function readReport(file: string): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { testResults: [] };
  }
}
