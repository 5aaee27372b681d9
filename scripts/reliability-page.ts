/**
 * Writes docs/reliability.md from the fault list that the tests are bound to. As a program:
 * `scripts/reliability-page.ts > docs/reliability.md`.
 *
 * @module
 */
import { ROWS, type Row } from '../test/reliability/rows.ts';

const HEAD = `# Reliability: what may go wrong, and what then happens

An agent may stand on the default gateway, where every packet of an office passes. This is what
you may count on there. Each row is a test with the real control plane, real agents and real
WireGuard between network namespaces. Where a row speaks of packets, hosts at two sites send each
other numbered ones, 100 a second in each direction, while the fault happens, and counters on the
internet between them look for packets of a site in clear. There is no row without a test.

\`./scripts/test reliability\` runs them all.

This page is made from \`test/reliability/rows.ts\` by \`scripts/reliability-page.ts\`.
`;

export function reliabilityPage(rows: readonly Row[]): string {
  const areas = Map.groupBy(rows, (row) => row.area);
  const sections = [...areas].map(([area, own]) => section(area, own));
  return [HEAD, ...sections].join('\n');
}

function section(area: string, rows: readonly Row[]): string {
  const title = `${area.slice(0, 1).toUpperCase()}${area.slice(1)}`;
  const lines = rows
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, fault, promise }) => {
      return `| ${id} | ${fault} | ${promise} | \`./scripts/test reliability ${id}\` |`;
    });
  const head = '| id | fault | what happens | shown by |\n|---|---|---|---|';
  return `## ${title}\n\n${head}\n${lines.join('\n')}\n`;
}

if (import.meta.main) process.stdout.write(reliabilityPage(ROWS));
