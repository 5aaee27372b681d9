/**
 * Our nftables table through nft(8): reads which rules it holds, fills it in one transaction,
 * removes it. Other tables are not looked at and not touched. Takes no decision.
 *
 * @module
 */
import { FIREWALL_TABLE, type FirewallRule } from '../state.ts';
import type { Run } from './run.ts';
import { UnreadableError } from './unreadable-error.ts';

/** Every rule carries its id in its comment, by which it is found again. */
const COMMENT_PREFIX = 'culvert:';

/** `priority mangle` in nft(8): before the filters of other programs, which may accept or drop. */
const CHAIN = { type: 'filter', hook: 'forward', priority: -150, policy: 'accept' } as const;

const TABLE = `inet ${FIREWALL_TABLE}`;

/**
 * Ids of the rules in order, "?" for one that is not ours; undefined when the table or its
 * chain is not there, or is not as we make it.
 *
 * @throws {CommandError}
 * @throws {UnreadableError}
 */
export async function observeFirewall(run: Run): Promise<string[] | undefined> {
  if (!(await hasTable(run))) return undefined;
  try {
    return parseTable(await run(['nft', '-j', 'list', 'table', 'inet', FIREWALL_TABLE]));
  } catch (error) {
    if (!(await hasTable(run))) return undefined; // removed since the first look
    throw error;
  }
}

/**
 * Replaces the content of the table in one transaction; no packet meets half of it. The base
 * chain is kept, because packets are lost while one is made anew. A chain that another
 * program has made unusable under our name cannot be kept: then the whole table is made anew.
 *
 * @throws {CommandError} with the rules as they were
 */
export async function setFirewall(run: Run, rules: readonly FirewallRule[]): Promise<void> {
  const script = firewallScript(rules);
  const isUsable = (await observeFirewall(run)) !== undefined;
  const anew = isUsable ? '' : `add table ${TABLE}\ndelete table ${TABLE}\n`;
  await run(['nft', '-f', '-'], { input: `${anew}${script}` });
}

/** Removes the table; nothing to do when it is gone. @throws {CommandError} */
export async function removeFirewall(run: Run): Promise<void> {
  // "add" first, so that the transaction also succeeds when there is no table.
  await run(['nft', '-f', '-'], { input: `add table ${TABLE}\ndelete table ${TABLE}\n` });
}

/** What nft(8) reads: the chain, its rules flushed, and the rules again. */
export function firewallScript(rules: readonly FirewallRule[]): string {
  const { type, hook, priority, policy } = CHAIN;
  return [
    `table ${TABLE} {`,
    `  chain forward { type ${type} hook ${hook} priority ${priority}; policy ${policy}; }`,
    '}',
    `flush chain ${TABLE} forward`,
    `table ${TABLE} {`,
    '  chain forward {',
    ...rules.map(({ text, id }) => `    ${text} comment "${COMMENT_PREFIX}${id}"`),
    '  }',
    '}',
    '',
  ].join('\n');
}

/** Reads `nft -j list table`; libnftables-json(5). @throws {UnreadableError} */
export function parseTable(text: string): string[] | undefined {
  const objects = parseObjects(text, `nft -j list table ${TABLE}`);
  const chain = objects.map(({ chain }) => chain).find((chain) => chain?.name === 'forward');
  const isOurs =
    chain?.type === CHAIN.type &&
    chain.hook === CHAIN.hook &&
    chain.prio === CHAIN.priority &&
    chain.policy === CHAIN.policy;
  if (!isOurs) return undefined;
  return objects
    .flatMap(({ rule }) => (rule?.chain === 'forward' ? [rule] : []))
    .map(({ comment }) =>
      typeof comment === 'string' && comment.startsWith(COMMENT_PREFIX)
        ? comment.slice(COMMENT_PREFIX.length)
        : '?',
    );
}

/** Reads `nft -j list tables`. @throws {UnreadableError} */
export function parseTables(text: string): { readonly family: unknown; readonly name: unknown }[] {
  return parseObjects(text, 'nft -j list tables').flatMap(({ table }) =>
    table === undefined ? [] : [{ family: table.family, name: table.name }],
  );
}

async function hasTable(run: Run): Promise<boolean> {
  const tables = parseTables(await run(['nft', '-j', 'list', 'tables']));
  return tables.some(({ family, name }) => family === 'inet' && name === FIREWALL_TABLE);
}

/** One object of libnftables-json(5): its only member says what it is. */
type NftObject = { readonly [K in 'table' | 'chain' | 'rule']?: { readonly [k: string]: unknown } };

function parseObjects(text: string, source: string): NftObject[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new UnreadableError(source, 'not JSON', { cause });
  }
  const objects = isObject(document) ? document.nftables : undefined;
  if (!Array.isArray(objects)) throw new UnreadableError(source, 'no array "nftables"');
  return objects.filter(
    (object): object is NftObject => isObject(object) && Object.values(object).every(isObject),
  );
}

function isObject(value: unknown): value is { readonly [member: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
