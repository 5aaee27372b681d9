/**
 * What people read: aligned tables and records. Programs take `--json` instead.
 *
 * @module
 */

/** A text with a meaning that a terminal shows by colour; the text alone says it, too. */
export type Cell = string | { readonly text: string; readonly mood: Mood };

export type Mood = 'good' | 'doubtful' | 'bad';

/** One line of a record; each value of a list stands on a line of its own. */
export type Member = readonly [name: string, value: Cell | readonly string[]];

/** SGR parameters (ECMA-48 §8.3.117). */
const COLORS: Readonly<Record<Mood, number>> = { good: 32, doubtful: 33, bad: 31 };

const GAP = '  ';

/** Stands where there is nothing to say. */
const NOTHING = '-';

export type TableOptions = { readonly isColored: boolean };

/** One line for the headings and one for each row, without blanks at their ends. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
  { isColored }: TableOptions,
): string {
  const lines = [headings, ...rows].map((row) => row.map(visible));
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((line) => [...(line[column] ?? '')].length)),
  );
  return [headings, ...rows]
    .map((row) =>
      row
        .map((cell, column) => {
          const isLast = column === row.length - 1;
          const padding = ' '.repeat((widths[column] ?? 0) - [...visible(cell)].length);
          return `${painted(cell, isColored)}${isLast ? '' : padding}`;
        })
        .join(GAP),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** `name  value`, names aligned. */
export function formatRecord(members: readonly Member[], { isColored }: TableOptions): string {
  const width = Math.max(...members.map(([name]) => name.length));
  return members
    .map(([name, value]) => {
      const values = isList(value) ? (value.length === 0 ? [NOTHING] : value) : [value];
      const lines = values.map((one) => painted(one, isColored));
      return `${name.padEnd(width)}${GAP}${lines.join(`\n${' '.repeat(width)}${GAP}`)}\n`;
    })
    .join('');
}

/** The value, or a dash for nothing. */
export function orNothing(value: string | number | null | undefined): string {
  return value === null || value === undefined || value === '' ? NOTHING : `${value}`;
}

/** A list in one cell. */
export function inOneCell(values: readonly string[]): string {
  return orNothing(values.join(' '));
}

function isList(value: Cell | readonly string[]): value is readonly string[] {
  return Array.isArray(value);
}

/**
 * Text of others (names, reasons) may hold control characters; a terminal would obey them.
 * They become "?".
 */
function visible(cell: Cell): string {
  const text = typeof cell === 'string' ? cell : cell.text;
  return text === '' ? NOTHING : text.replaceAll(/\p{Control}/gu, '?');
}

function painted(cell: Cell, isColored: boolean): string {
  if (typeof cell === 'string' || !isColored) return visible(cell);
  return `\u001b[${COLORS[cell.mood]}m${visible(cell)}\u001b[0m`;
}
