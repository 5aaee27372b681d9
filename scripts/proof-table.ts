/**
 * The proof as text: a table of what far hosts saw, the paths, and what was not there.
 *
 * @module
 */
import { isIP } from 'node:net';
import type { Finding } from '../test/lab/proof.ts';

type Source = Extract<Finding, { kind: 'source' }>;

export function formatProof(findings: readonly Finding[]): string {
  const sources = findings.filter((finding) => finding.kind === 'source');
  const routes = findings.filter((finding) => finding.kind === 'route');
  const absences = findings.filter((finding) => finding.kind === 'absence');
  const rows = byFlow(sources).map((flow) => [
    ...pathCells(flow[0]),
    ...flow.map((finding) => `${isIP(finding.seen) ? finding.seen : 'nothing'} ${mark(finding)}`),
  ]);
  return [
    'The address that the far host saw: of the client at FROM as the server at TO saw it by TCP,',
    'UDP and ICMP; and of the server when it opened a connection to the client.',
    '',
    ...table([['FROM', 'ITS ADDRESS', 'TO', 'TCP', 'UDP', 'ICMP', 'SERVER CALLS'], ...rows]),
    '',
    'The path, as traceroute shows it: both gateways answer.',
    '',
    ...table(
      routes.map((finding) => [
        finding.path.from.name,
        finding.path.to.name,
        `${finding.seen} ${mark(finding)}`,
      ]),
    ),
    '',
    'What was not there.',
    '',
    ...table(
      absences.map((finding) => [finding.what, `${finding.seen} ${mark(finding)}`, finding.where]),
    ),
    ...explainFailures(findings),
  ].join('\n');
}

/** The probes of one path and family stand side by side. */
function byFlow(findings: readonly Source[]): [Source, ...Source[]][] {
  const groups = new Map<string, [Source, ...Source[]]>();
  for (const finding of findings) {
    const key = `${finding.family} ${finding.path.from.name} ${finding.path.to.name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [finding]);
    else group.push(finding);
  }
  return [...groups.values()];
}

function pathCells({ path: { from, to }, family }: Source): string[] {
  return [from.name, from[family], to.name];
}

function mark({ holds }: Finding): string {
  return holds ? '✓' : '✗';
}

function explainFailures(findings: readonly Finding[]): string[] {
  const failures = findings.filter(({ holds }) => !holds);
  if (failures.length === 0) return [];
  return [
    '',
    `${failures.length} did not hold:`,
    '',
    ...failures.map((finding) => {
      const what =
        finding.kind === 'absence'
          ? finding.what
          : `${finding.kind === 'source' ? finding.probe : 'traceroute'} ${finding.family} ` +
            `${finding.path.from.name} to ${finding.path.to.name}`;
      return `  ${what}: saw "${finding.seen}", expected ${finding.expected}`;
    }),
  ];
}

/** Columns as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
}
