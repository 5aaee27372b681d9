/**
 * What the commands have in common: their surroundings, their options, how they end.
 *
 * @module
 */
import { type Command, InvalidArgumentError } from 'commander';
import type { Client } from './client.ts';
import { type Cell, formatRecord, formatTable, type Member } from './output.ts';

/** What a command may not take from the air. */
export type Surroundings = {
  /** Gives the client of the API; asked once by each command that needs one. */
  readonly client: (configurationFile: string | undefined) => Client;
  /** Standard output; the text has its line ends. */
  readonly out: (text: string) => void;
  /** Standard error; the text has its line ends. */
  readonly err: (text: string) => void;
  /** Standard input to its end. */
  readonly input: () => Promise<string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** True when people watch and their terminal shows colours. */
  readonly isColored: boolean;
  /** Takes the exit status of a command that has one of its own. */
  readonly exit: (status: number) => void;
};

export type CommandText = {
  readonly summary: string;
  /** Whole sentences; the summary stands in front of them. */
  readonly description?: string;
  /** Lines as one would type them, without "culvert". */
  readonly examples: readonly [string, ...string[]];
};

/** A command with `--help` that shows examples. */
export function addCommand(
  parent: Command,
  usage: string,
  { summary, description, examples }: CommandText,
): Command {
  const lines = examples.map((example) => `  culvert ${example}\n`);
  return parent
    .command(usage)
    .summary(summary)
    .description(description === undefined ? `${summary}.` : `${summary}. ${description}`)
    .addHelpText('after', `\nExamples:\n${lines.join('')}`);
}

/** A group of commands about one noun. */
export function addNoun(program: Command, noun: string, summary: string): Command {
  return program.command(noun).summary(summary).description(`${summary}.`);
}

export type ApiOptions = { readonly json?: boolean; readonly config?: string };

/** A command that asks the API. */
export function addApiCommand(parent: Command, usage: string, text: CommandText): Command {
  return addCommand(parent, usage, text)
    .option('--json', 'print the answer of the API instead of a text for people')
    .option('--config <file>', 'use this operator.json (default: see culvert --help)');
}

export function withNetwork(command: Command): Command {
  return command.option('--network <network>', 'the network in which a name is meant');
}

/** Prints what people read of an answer, or with `--json` the answer as it is. */
export class Printer {
  readonly isJson: boolean;
  readonly #surroundings: Surroundings;

  constructor(surroundings: Surroundings, { json = false }: ApiOptions) {
    this.isJson = json;
    this.#surroundings = surroundings;
  }

  json(answer: object): void {
    this.#surroundings.out(`${JSON.stringify(answer, null, 2)}\n`);
  }

  /** A list; `nothing` is said on standard error when it is empty. */
  table<T>(
    items: readonly T[],
    options: {
      readonly columns: Readonly<Record<string, (item: T) => Cell>>;
      readonly nothing: string;
    },
  ): void {
    const { out, err, isColored } = this.#surroundings;
    const { columns, nothing } = options;
    if (this.isJson) {
      this.json({ items, nextCursor: null }); // all pages are on this one
    } else if (items.length === 0) {
      err(`${nothing}\n`);
    } else {
      const rows = items.map((item) => Object.values(columns).map((column) => column(item)));
      out(formatTable(Object.keys(columns), rows, { isColored }));
    }
  }

  record(answer: object, members: readonly Member[]): void {
    const { out, isColored } = this.#surroundings;
    if (this.isJson) this.json(answer);
    else out(formatRecord(members, { isColored }));
  }

  sentence(answer: object, text: string): void {
    if (this.isJson) this.json(answer);
    else this.#surroundings.out(`${text}\n`);
  }
}

/** For options that may be given more than once. */
export function collect(value: string, values: readonly string[] = []): readonly string[] {
  return [...values, value];
}

/** A decimal number without sign. Which ones are acceptable is the API's to say. */
export function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number.');
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `30m`, `24h`, `7d`. @returns seconds */
export function parseDuration(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = UNIT_SECONDS[unit];
  if (seconds !== undefined) return Number(count) * seconds;
  throw new InvalidArgumentError('Expected a number with a unit, like 90s, 30m, 24h or 7d.');
}
