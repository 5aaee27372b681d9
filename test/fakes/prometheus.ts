/**
 * What a Prometheus server would read: a strict reader of the text format 0.0.4, with the
 * rules of `promtool check metrics` that our metrics can break.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 * @see prometheus:client_golang/prometheus/testutil/promlint
 */

export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

type Family = { readonly type: string; readonly help: string };

export type Exposition = {
  readonly families: ReadonlyMap<string, Family>;
  readonly samples: readonly Sample[];
};

const HELP = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\]|\\\\|\\n)+)$/;
const TYPE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge)$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.+)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\n|\\")*)"(?:,|$)/y;
const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;

/** @throws {Error} at the first line that a server would refuse, or promtool complain of */
export function readExposition(text: string): Exposition {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  const samples: Sample[] = [];
  const seen = new Set<string>();
  let help: readonly [name: string, text: string] | undefined;
  let current: string | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const refuse = (reason: string) => new Error(`${reason}: ${line}`);
    const [, helped, helpText] = HELP.exec(line) ?? [];
    const [, typed, type] = TYPE.exec(line) ?? [];
    if (helped !== undefined && helpText !== undefined) {
      help = [helped, helpText];
    } else if (typed !== undefined && type !== undefined) {
      if (help?.[0] !== typed) throw refuse('HELP does not stand before TYPE');
      if (families.has(typed)) throw refuse('the family was there before');
      checkName(typed, type);
      families.set(typed, { type, help: help[1] });
      current = typed;
    } else {
      const sample = readSample(line);
      if (sample.name !== current) throw refuse('the sample is not below its TYPE');
      const identity = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      if (seen.has(identity)) throw refuse('the sample was there before');
      seen.add(identity);
      samples.push(sample);
    }
  }
  return { families, samples };
}

function checkName(name: string, type: string): void {
  if ((type === 'counter') !== name.endsWith('_total')) {
    throw new Error(`counters, and nothing else, end in "_total": ${name}`);
  }
  if (
    /[A-Z]|_(?:milli|micro|nano|kilo|mega|kibi|mebi|minute|hour|day)|_(?:ms|kb|mb)_?/.test(name)
  ) {
    throw new Error(`not in base units or not in snake case: ${name}`);
  }
}

function readSample(line: string): Sample {
  const [, name, inner = '', value = ''] = SAMPLE.exec(line) ?? [];
  if (name === undefined) throw new Error(`no line of the format: ${line}`);
  if (!NUMBER.test(value)) throw new Error(`not a number: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < inner.length) {
    const [, label, text] = LABEL.exec(inner) ?? [];
    if (label === undefined || text === undefined) throw new Error(`bad labels: ${line}`);
    if (label in labels) throw new Error(`a label twice: ${line}`);
    labels[label] = text.replaceAll(/\\(.)/g, (_, sign) => (sign === 'n' ? '\n' : sign));
  }
  return { name, labels, value: Number(value) };
}
