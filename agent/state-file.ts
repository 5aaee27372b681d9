/**
 * The last accepted configurations on disk, a few generations of them. Each file is one line
 * with the SHA-256 of the rest, then the configuration as JSON. A damaged file is passed
 * over, and the one before it is used.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Configuration,
  EntrySchema,
  receiveConfiguration,
} from '../protocol/configuration.ts';
import { DIGEST_PATTERN, type Digest } from '../protocol/digest.ts';
import { type Parsed, refuse } from '../protocol/parsed.ts';
import { parseWith, Type } from '../protocol/schema.ts';
import { makePrivateDirectory, writeDurably } from './durable-file.ts';

/** How many generations stay on disk. */
const GENERATIONS = 3;

const FILE_NAME = /^configuration-(\d{12})\.json$/;

const StoredSchema = Type.Object(
  {
    epoch: Type.String({ pattern: '^[0-9a-z]{1,32}$' }),
    revision: Type.Integer({ minimum: 0 }),
    digest: Type.Unsafe<Digest>({ type: 'string', pattern: DIGEST_PATTERN }),
    /** Whose configuration it is: a state directory copied from another host is no use. */
    connectorId: Type.String(),
    entries: Type.Array(EntrySchema),
  },
  { additionalProperties: false },
);

export type Loaded = {
  readonly configuration: Configuration | undefined;
  /** What was passed over, and why: one line a file. */
  readonly problems: readonly string[];
};

export class StateFile {
  readonly #directory: string;
  readonly #connectorId: string;
  #generation: number;

  constructor(options: { readonly directory: string; readonly connectorId: string }) {
    this.#directory = options.directory;
    this.#connectorId = options.connectorId;
    makePrivateDirectory(this.#directory);
    this.#generation = this.#generations().at(-1) ?? 0;
  }

  /** The newest configuration that is whole and ours. */
  load(): Loaded {
    const problems: string[] = [];
    for (const generation of this.#generations().toReversed()) {
      const path = this.#path(generation);
      const parsed = parseStored(readFileSync(path, 'utf8'), this.#connectorId);
      if (parsed.ok) return { configuration: parsed.value, problems };
      problems.push(`Cannot use "${path}": ${parsed.message}`);
    }
    return { configuration: undefined, problems };
  }

  /**
   * Durable when it returns.
   *
   * @throws when the disk refuses; the generations that are there stay
   */
  save(configuration: Configuration): void {
    this.#generation++;
    writeDurably(this.#path(this.#generation), formatStored(configuration, this.#connectorId));
    for (const old of this.#generations().slice(0, -GENERATIONS)) {
      rmSync(this.#path(old), { force: true });
    }
  }

  /** Oldest first. */
  #generations(): number[] {
    return readdirSync(this.#directory)
      .map((name) => FILE_NAME.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
  }

  #path(generation: number): string {
    return join(this.#directory, `configuration-${String(generation).padStart(12, '0')}.json`);
  }
}

export function formatStored(configuration: Configuration, connectorId: string): string {
  const { epoch, revision, digest, entries } = configuration;
  const body = JSON.stringify({
    epoch,
    revision,
    digest,
    connectorId,
    entries: [...entries.values()],
  });
  return `${checksumOf(body)}\n${body}\n`;
}

/** Never throws, whatever the text is. */
export function parseStored(text: string, connectorId: string): Parsed<Configuration> {
  const end = text.indexOf('\n');
  const body = text.slice(end + 1, -1);
  if (end < 0 || !text.endsWith('\n') || checksumOf(body) !== text.slice(0, end)) {
    return refuse('it is damaged (checksum)');
  }
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return refuse('it is not JSON');
  }
  const stored = parseWith(StoredSchema, value);
  if (!stored.ok) return stored;
  if (stored.value.connectorId !== connectorId) {
    return refuse(`it belongs to connector "${stored.value.connectorId}"`);
  }
  return receiveConfiguration(stored.value, stored.value.entries);
}

function checksumOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
