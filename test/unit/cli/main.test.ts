import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VERSION } from '../../../protocol/version.ts';
import { execute } from '../../lab/command.ts';

const MAIN = join(import.meta.dirname, '../../../cli/main.ts');

/** Makes Node believe that it is another one. */
const pretend = (version: string) => {
  const versions = JSON.stringify({ node: version });
  const script = `Object.defineProperty(process, 'versions', { value: ${versions} })`;
  return ['--import', `data:text/javascript,${encodeURIComponent(script)}`];
};

describe('cli/main.ts', () => {
  test('runs the program and ends with its status', async () => {
    expect(await execute([process.execPath, MAIN, '--version'])).toMatchObject({
      stdout: `${VERSION}\n`,
      exitCode: 0,
    });
    expect(await execute([process.execPath, MAIN, 'netwrk'])).toMatchObject({
      stdout: '',
      stderr: expect.stringContaining("unknown command 'netwrk'"),
      exitCode: 2,
    });
  });

  test('says that there is no configuration, without a stack', async () => {
    const argv = ['status', '--config', '/nowhere/operator.json'];
    expect(await execute([process.execPath, MAIN, ...argv])).toMatchObject({
      stdout: '',
      stderr: 'Cannot read the configuration "/nowhere/operator.json": there is no such file\n',
      exitCode: 5,
    });
  });

  test.each([['24.14.9'], ['23.99.0'], ['20.19.2']])(
    'refuses Node %s with one line and loads nothing',
    async (version) => {
      const result = await execute([process.execPath, ...pretend(version), MAIN, '--version']);
      expect(result).toEqual({
        stdout: '',
        stderr: `Cannot run on Node ${version}: expected 24.15 or later\n`,
        exitCode: 5,
      });
    },
  );

  test.each([['24.15.0'], ['25.0.0'], ['26.1.2']])('runs on Node %s', async (version) => {
    const result = await execute([process.execPath, ...pretend(version), MAIN, '--version']);
    expect(result).toMatchObject({ stdout: `${VERSION}\n`, exitCode: 0 });
  });
});
