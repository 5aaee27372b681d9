import { describe, expect, test } from 'vitest';
import { countTests, type Report } from '../../../scripts/count-tests.ts';

describe('countTests()', () => {
  test('counts what passed and what failed', () => {
    const report = reportOf('failed', { good: 'passed', better: 'passed', bad: 'failed' });

    expect(countTests(report, 1)).toEqual({ passed: 2, failed: 1, notes: [] });
  });

  test('takes a skipped test for failed, unless its name says why', () => {
    const report = reportOf('passed', {
      'reads a dump': 'skipped',
      'asks the module, not run because this kernel has none': 'skipped',
    });

    expect(countTests(report, 0)).toEqual({
      passed: 0,
      failed: 1,
      notes: [
        'failed, skipped without a reason: reads a dump',
        'skipped: asks the module, not run because this kernel has none',
      ],
    });
  });

  test('takes a file that failed outside of its tests for one failure', () => {
    const report = reportOf('failed', { good: 'passed' });

    expect(countTests(report, 1)).toMatchObject({ passed: 1, failed: 1 });
  });

  test('takes a run without tests for a failure, whatever vitest says', () => {
    expect(countTests({ testResults: [] }, 0)).toMatchObject({ passed: 0, failed: 1 });
  });

  test('takes a run that ended early for a failure, although no test failed', () => {
    const report = reportOf('passed', { good: 'passed' });

    expect(countTests(report, 124)).toMatchObject({ passed: 1, failed: 1 });
  });

  test('passes over all but the row that was asked for', () => {
    const report = reportOf('passed', { 'F01 one': 'passed', 'F02 two': 'skipped' });

    expect(countTests(report, 0, 'F01')).toEqual({ passed: 1, failed: 0, notes: [] });
    expect(countTests(report, 0, 'F03')).toMatchObject({ passed: 0, failed: 1 });
  });
});

function reportOf(status: string, tests: Readonly<Record<string, string>>): Report {
  const assertionResults = Object.entries(tests).map(([fullName, each]) => ({
    fullName,
    status: each,
  }));
  return { testResults: [{ name: 'a.test.ts', status, assertionResults }] };
}
