/**
 * What differs between two compilations of one network: found once, then told to each of its
 * connectors as far as it concerns them. So a change costs each connector what changed, not
 * what there is. Pure.
 *
 * @module
 */
import { type Delta, type Entry, type EntryKey, keyOf } from '../../protocol/configuration.ts';
import { addToDigest, type Digest } from '../../protocol/digest.ts';
import type { CompiledNetwork, OwnEntry, SharedEntry } from '../model/compile.ts';

/** Digest of a connector's configuration, without making it. */
export function digestFor(compiled: CompiledNetwork, connectorId: string): Digest {
  const own = ownOf(compiled, connectorId);
  const site = compiled.sites.get(own.siteId);
  if (site === undefined) throw new RangeError(`Cannot find site "${own.siteId}"`);
  return addToDigest(site.digest, own.entry);
}

export class NetworkChange {
  readonly #before: CompiledNetwork;
  readonly #after: CompiledNetwork;
  /** Shared entries that came, went or changed, whomever they concern. */
  readonly #shared: readonly { before?: SharedEntry; after?: SharedEntry }[];

  constructor(before: CompiledNetwork, after: CompiledNetwork) {
    this.#before = before;
    this.#after = after;
    this.#shared = differences(before.shared, after.shared, ({ key }) => key).filter(
      (pair) => pair.before?.siteId !== pair.after?.siteId || !isSame(pair),
    );
  }

  /**
   * @returns undefined when the connector's configuration stays the same
   * @throws {RangeError} when the connector is not in both
   */
  deltaFor(connectorId: string): Pick<Delta, 'put' | 'remove'> | undefined {
    const own = ownOf(this.#after, connectorId);
    const before = ownOf(this.#before, connectorId);
    const isOthers = (entry: SharedEntry | undefined) =>
      entry !== undefined && entry.siteId !== own.siteId;
    const put: Entry[] = isSame({ before, after: own }) ? [] : [own.entry];
    const remove: EntryKey[] = [];
    const locals = differences(
      this.#before.sites.get(own.siteId)?.locals ?? [],
      this.#after.sites.get(own.siteId)?.locals ?? [],
      keyOf,
    );
    // A local prefix has nothing but its key: it is there or it is not.
    for (const { before: gone, after: came } of locals) {
      if (came === undefined && gone !== undefined) remove.push(keyOf(gone));
      if (gone === undefined && came !== undefined) put.push(came);
    }
    for (const { before: gone, after: came } of this.#shared) {
      if (came !== undefined && isOthers(came)) put.push(came.entry);
      else if (gone !== undefined && isOthers(gone)) remove.push(gone.key);
    }
    return put.length + remove.length === 0 ? undefined : { put, remove };
  }
}

function ownOf({ own }: CompiledNetwork, connectorId: string): OwnEntry {
  const found = own.get(connectorId);
  if (found !== undefined) return found;
  throw new RangeError(`Cannot compare networks: connector "${connectorId}" is not in both`);
}

/** Pairs by key; those that are one and the same object are left out. */
function differences<T>(
  before: readonly T[],
  after: readonly T[],
  key: (value: T) => string,
): { before?: T; after?: T }[] {
  const old = new Map(before.map((value) => [key(value), value]));
  const pairs: { before?: T; after?: T }[] = [];
  for (const value of after) {
    const match = old.get(key(value));
    old.delete(key(value));
    if (match === undefined) pairs.push({ after: value });
    else if (match !== value) pairs.push({ before: match, after: value });
  }
  return [...pairs, ...[...old.values()].map((value) => ({ before: value }))];
}

/** Entries are compared as JSON: the compiler writes members in one order. */
function isSame({
  before,
  after,
}: {
  readonly before?: { readonly entry: Entry };
  readonly after?: { readonly entry: Entry };
}): boolean {
  if (before?.entry === after?.entry) return true;
  return JSON.stringify(before?.entry) === JSON.stringify(after?.entry);
}
