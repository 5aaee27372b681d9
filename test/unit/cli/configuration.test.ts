import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ConfigurationError,
  defaultConfigurationFiles,
  loadConfiguration,
} from '../../../cli/configuration.ts';

const TOKEN = 'secret-of-the-operator';
const GOOD = {
  url: 'https://203.0.113.1:8443',
  authority: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n',
  token: TOKEN,
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-cli-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

describe('loadConfiguration()', () => {
  test('takes the named file, else that of the environment, else the first default', () => {
    const [named, byVariable, first, second] = ['a', 'b', 'c', 'd'].map((name) =>
      write(`${name}.json`, { ...GOOD, url: `https://${name}` }),
    );
    const environment = { CULVERT_CONFIG: byVariable };
    const defaults = [join(folder, 'none.json'), first ?? '', second ?? ''];
    const url = (options: object) =>
      loadConfiguration({ file: undefined, environment: {}, defaults, ...options }).url;
    expect(url({ file: named, environment })).toBe('https://a');
    expect(url({ environment })).toBe('https://b');
    expect(url({ environment: { CULVERT_CONFIG: '' } })).toBe('https://c');
    expect(url({})).toBe('https://c');
  });

  test('gives a token that does not print', () => {
    const { token } = load(write('operator.json', GOOD));
    expect(token.reveal()).toBe(TOKEN);
    expect(`${token}`).not.toContain(TOKEN);
  });

  test.each([[0o640], [0o604], [0o660], [0o620], [0o601]])(
    'refuses a file of mode %o, and says what to do',
    (mode) => {
      const file = write('operator.json', GOOD);
      chmodSync(file, mode);
      expect(() => load(file)).toThrow(`run: chmod 600 ${file}`);
    },
  );

  test('refuses a named file that is not there, and does not look further', () => {
    const file = join(folder, 'gone.json');
    const defaults = [write('operator.json', GOOD)];
    expect(() => loadConfiguration({ file, environment: {}, defaults })).toThrow(
      `Cannot read the configuration "${file}": there is no such file`,
    );
  });

  test('names every place where it looked', () => {
    const defaults = [join(folder, 'a.json'), join(folder, 'b', 'c.json')];
    expect(() => loadConfiguration({ file: undefined, environment: {}, defaults })).toThrow(
      new RegExp(`none of ${defaults.join(', ')} is there`),
    );
  });

  test.each<[string, unknown, string]>([
    ['no JSON', `{"token": "${TOKEN}"`, 'it is not JSON'],
    ['a member too few', { url: GOOD.url, token: TOKEN }, '/authority: is required'],
    ['a member too many', { ...GOOD, tokens: TOKEN }, '/tokens: is not a known field'],
    ['another scheme', { ...GOOD, url: 'http://203.0.113.1' }, '/url: must match'],
    ['a path', { ...GOOD, url: 'https://203.0.113.1/v1' }, '/url: must match'],
    ['no URL', { ...GOOD, url: 'https://[x' }, '/url: is no URL'],
    ['no certificate', { ...GOOD, authority: TOKEN }, '/authority: must match'],
    ['an empty token', { ...GOOD, token: '' }, '/token: '],
  ])('refuses %s without repeating the token', (_, content, words) => {
    const file = write('operator.json', content);
    const attempt = () => load(file);
    expect(attempt).toThrow(ConfigurationError);
    expect(attempt).toThrow(words);
    expect(attempt).not.toThrow(TOKEN);
  });

  test('refuses a folder', () => {
    const file = join(folder, 'operator.json');
    mkdirSync(file, { mode: 0o700 });
    expect(() => load(file)).toThrow(ConfigurationError);
  });
});

describe('defaultConfigurationFiles()', () => {
  test('are the operator’s own and that of the control plane on this machine', () => {
    expect(defaultConfigurationFiles('/somebody')).toEqual([
      '/somebody/.config/culvert/operator.json',
      '/var/lib/culvert/control-plane/operator.json',
    ]);
  });
});

function load(file: string) {
  return loadConfiguration({ file, environment: {} });
}

function write(name: string, content: unknown): string {
  const file = join(folder, name);
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}
