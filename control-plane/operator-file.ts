/**
 * The first operator's way in: on a start without any API token one is made, and
 * `operator.json`, the command line's configuration file, is written with its secret.
 *
 * The file comes before the row. Killed between the two, the next start finds no token still
 * and writes the file again; the other order could leave a token whose secret nobody has.
 *
 * @module
 */
import { join } from 'node:path';
import { parseName } from '../protocol/name.ts';
import { expectParsed } from '../protocol/parsed.ts';
import { changeContext, type RandomBytes, randomSecret } from './change-context.ts';
import type { Clock } from './clock.ts';
import { writeDurably } from './durable-file.ts';
import { createApiToken } from './model/change-api-token.ts';
import { hashOfSecret } from './model/hash.ts';
import type { Store } from './store/store.ts';

export const OPERATOR_FILE = 'operator.json';

/** Name of the first API token. */
const ADMIN = expectParsed(parseName('admin'));

/** What `operator.json` holds. */
export type OperatorFile = {
  /** Where the API is. */
  readonly url: string;
  /** The certificate to trust there, PEM. */
  readonly authority: string;
  /** Secret of the API token. */
  readonly token: string;
};

/** @returns the path of the file when it was written; undefined when there is a token already */
export async function ensureOperator({
  store,
  directory,
  url,
  authorityPem,
  clock,
  randomBytes,
}: {
  readonly store: Pick<Store, 'snapshot' | 'change'>;
  readonly directory: string;
  readonly url: string;
  readonly authorityPem: string;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}): Promise<string | undefined> {
  if (store.snapshot().apiTokens.size > 0) return undefined;
  const path = join(directory, OPERATOR_FILE);
  const token = randomSecret(randomBytes);
  const file: OperatorFile = { url, authority: authorityPem, token };
  await writeDurably(path, { text: `${JSON.stringify(file, null, 2)}\n`, mode: 0o600 });
  const outcome = await store.change((snapshot) =>
    createApiToken(
      snapshot,
      { name: ADMIN, secretHash: hashOfSecret(token) },
      changeContext(clock, randomBytes),
    ),
  );
  if (outcome.kind === 'refuse') throw new RangeError(outcome.problem.detail); // no row, no clash
  return path;
}
