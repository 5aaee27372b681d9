/**
 * The operator's configuration: where the API is, by which authority it is known, and a token.
 * It is the file `operator.json` that a control plane writes at its first start, or a copy.
 *
 * @module
 */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseWith, Type } from '../protocol/schema.ts';
import { Secret } from '../protocol/secret.ts';

export type OperatorConfiguration = {
  /** Origin of the API: `https://203.0.113.1:8443`. */
  readonly url: string;
  /** The certificate to trust there, PEM. */
  readonly authority: string;
  readonly token: Secret;
};

/** There is no configuration, or none that may be used. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

const FileSchema = Type.Object(
  {
    url: Type.String({ pattern: '^https://[^/\\s]+$' }),
    authority: Type.String({ pattern: '^-----BEGIN CERTIFICATE-----\\s' }),
    token: Type.String({ minLength: 1, maxLength: 256 }),
  },
  { additionalProperties: false },
);

export const CONFIGURATION_VARIABLE = 'CULVERT_CONFIG';

/** Looked at in this order when no file is named. The second is that of the control plane. */
export function defaultConfigurationFiles(home = homedir()): readonly string[] {
  return [
    join(home, '.config/culvert/operator.json'),
    '/var/lib/culvert/control-plane/operator.json',
  ];
}

/**
 * @param options.file as named by `--config`; then it must be there
 * @param options.defaults where to look when nobody names a file
 * @throws {ConfigurationError} says which file and what to do
 */
export function loadConfiguration({
  file,
  environment,
  defaults = defaultConfigurationFiles(),
}: {
  readonly file: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly defaults?: readonly string[];
}): OperatorConfiguration {
  const named = file ?? (environment[CONFIGURATION_VARIABLE] || undefined);
  for (const path of named === undefined ? defaults : [named]) {
    const text = readPrivateFile(path);
    if (text !== undefined) return parseConfiguration(path, text);
  }
  throw new ConfigurationError(
    named === undefined
      ? `Cannot find the configuration: none of ${defaults.join(', ')} is there; copy ` +
          '"operator.json" from the control plane, or name it by --config'
      : `Cannot read the configuration "${named}": there is no such file`,
  );
}

/** @returns undefined when there is no such file */
function readPrivateFile(path: string): string | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const mode = fstatSync(descriptor).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw new ConfigurationError(
        `Cannot use the configuration "${path}": others may read the token in it (mode ` +
          `${mode.toString(8).padStart(4, '0')}); run: chmod 600 ${path}`,
      );
    }
    return readFileSync(descriptor, 'utf8');
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    const { code, message } = error as NodeJS.ErrnoException; // what node:fs throws
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new ConfigurationError(`Cannot read the configuration "${path}": ${message}`, {
      cause: error,
    });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Never repeats a value: one of them is the token. */
function parseConfiguration(path: string, text: string): OperatorConfiguration {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ConfigurationError(`Cannot use the configuration "${path}": it is not JSON`);
  }
  const parsed = parseWith(FileSchema, value);
  if (!parsed.ok) {
    throw new ConfigurationError(`Cannot use the configuration "${path}": ${parsed.message}`);
  }
  const { url, authority, token } = parsed.value;
  if (!URL.canParse(url)) {
    throw new ConfigurationError(`Cannot use the configuration "${path}": /url: is no URL`);
  }
  return { url, authority, token: new Secret(token) };
}
