/**
 * What one connector is told: a set of keyed entries with a digest over the whole. The
 * control plane compiles it, the agent holds it; between them go whole configurations or
 * deltas. Pure.
 *
 * An entry is found by a key that follows from its own content, so an entry can only ever
 * replace its predecessor. Arrays inside entries are sorted by the compiler, so that equal
 * configurations are equal text.
 *
 * @module
 */
import { addToDigest, type Digest, EMPTY_DIGEST, subtractFromDigest } from './digest.ts';
import { accept, type Parsed, refuse } from './parsed.ts';
import {
  AddressSchema,
  EndpointSchema,
  NameSchema,
  PortSchema,
  PrefixSchema,
  PublicKeySchema,
  type Static,
  Type,
} from './schema.ts';

const NetworkIdSchema = Type.String({ pattern: '^net_[0-9a-z]{20}$' });

/** The connector's own WireGuard interface in one network. */
export const InterfaceEntrySchema = Type.Object(
  {
    kind: Type.Literal('interface'),
    network: NetworkIdSchema,
    networkName: NameSchema,
    site: NameSchema,
    connector: NameSchema,
    /** The connector's overlay addresses, at most one of each family. */
    addresses: Type.Array(AddressSchema, { minItems: 1, maxItems: 2 }),
    /** Where the overlay addresses of all connectors of the network come from. */
    overlayPrefixes: Type.Array(PrefixSchema, { minItems: 1, maxItems: 2 }),
    listenPort: PortSchema,
    mtuBytes: Type.Integer({ minimum: 1280, maximum: 9000 }),
  },
  { additionalProperties: false },
);

/** Another connector of the network. Its allowed IPs are its overlay addresses and its routes. */
export const PeerEntrySchema = Type.Object(
  {
    kind: Type.Literal('peer'),
    network: NetworkIdSchema,
    publicKey: PublicKeySchema,
    site: NameSchema,
    connector: NameSchema,
    overlayAddresses: Type.Array(AddressSchema, { minItems: 1, maxItems: 2 }),
    /** Absent when nobody knows where the peer is: then it must speak first. */
    endpoint: Type.Optional(EndpointSchema),
    /** 0 is off. */
    keepaliveSeconds: Type.Integer({ minimum: 0, maximum: 65_535 }),
  },
  { additionalProperties: false },
);

/**
 * A prefix behind another site, and the connector that carries it (its assignment). While the
 * site has none, nobody carries it: it is unreachable, and never sent anywhere else.
 */
export const RouteEntrySchema = Type.Object(
  {
    kind: Type.Literal('route'),
    network: NetworkIdSchema,
    prefix: PrefixSchema,
    site: NameSchema,
    via: Type.Optional(PublicKeySchema),
  },
  { additionalProperties: false },
);

/** A prefix behind the connector's own site: never routed into the tunnel. */
export const LocalEntrySchema = Type.Object(
  { kind: Type.Literal('local'), network: NetworkIdSchema, prefix: PrefixSchema },
  { additionalProperties: false },
);

export const EntrySchema = Type.Union([
  InterfaceEntrySchema,
  PeerEntrySchema,
  RouteEntrySchema,
  LocalEntrySchema,
]);

export type InterfaceEntry = Readonly<Static<typeof InterfaceEntrySchema>>;
export type PeerEntry = Readonly<Static<typeof PeerEntrySchema>>;
export type RouteEntry = Readonly<Static<typeof RouteEntrySchema>>;
export type LocalEntry = Readonly<Static<typeof LocalEntrySchema>>;
export type Entry = InterfaceEntry | PeerEntry | RouteEntry | LocalEntry;

/** Identity of an entry inside a configuration. */
export type EntryKey = string;

/** Place of a configuration in the control plane's sequence. */
export type Version = {
  /** Revisions compare only inside one epoch. */
  readonly epoch: string;
  readonly revision: number;
  readonly digest: Digest;
};

export type Configuration = Version & { readonly entries: ReadonlyMap<EntryKey, Entry> };

/** The difference between two configurations of one epoch. */
export type Delta = {
  readonly epoch: string;
  readonly base: { readonly revision: number; readonly digest: Digest };
  readonly revision: number;
  /** Digest of the result. */
  readonly digest: Digest;
  readonly put: readonly Entry[];
  readonly remove: readonly EntryKey[];
};

export function keyOf(entry: Entry): EntryKey {
  switch (entry.kind) {
    case 'interface':
      return `interface/${entry.network}`;
    case 'peer':
      return `peer/${entry.network}/${entry.publicKey}`;
    case 'route':
      return `route/${entry.network}/${entry.prefix}`;
    case 'local':
      return `local/${entry.network}/${entry.prefix}`;
  }
}

/** @throws {RangeError} when two entries have one key: a compiler never makes that */
export function configurationOf(
  version: { readonly epoch: string; readonly revision: number },
  entries: Iterable<Entry>,
): Configuration {
  const byKey = new Map<EntryKey, Entry>();
  let digest = EMPTY_DIGEST;
  for (const entry of entries) {
    const key = keyOf(entry);
    if (byKey.has(key)) throw new RangeError(`Cannot make configuration: two entries "${key}"`);
    byKey.set(key, entry);
    digest = addToDigest(digest, entry);
  }
  return { epoch: version.epoch, revision: version.revision, digest, entries: byKey };
}

/** A configuration from outside (wire or disk): refused unless it is what its digest promises. */
export function receiveConfiguration(
  version: Version,
  entries: readonly Entry[],
): Parsed<Configuration> {
  const keys = new Set(entries.map(keyOf));
  if (keys.size !== entries.length) return refuse('the configuration holds an entry twice');
  const configuration = configurationOf(version, entries);
  if (configuration.digest !== version.digest) {
    return refuse(`revision ${version.revision} does not have the digest it promises`);
  }
  return accept(configuration);
}

/** What turns `base` into `target`; both of one epoch. */
export function deltaBetween(base: Configuration, target: Configuration): Delta {
  const put = [...target.entries]
    .filter(([key, entry]) => !isSameEntry(base.entries.get(key), entry))
    .map(([, entry]) => entry);
  const remove = [...base.entries.keys()].filter((key) => !target.entries.has(key));
  return {
    epoch: target.epoch,
    base: { revision: base.revision, digest: base.digest },
    revision: target.revision,
    digest: target.digest,
    put,
    remove,
  };
}

/**
 * Applies a delta. Refuses when it was made for another base, names an entry twice or one to
 * remove that is not there, goes back in the sequence, or does not give the digest it
 * promises; the agent then asks for the whole configuration.
 *
 * The digest is over the entries: of the numbers only the order is checked, because TLS
 * already says who sent them. `base.revision` is for people; equal digests are equal bases.
 */
export function applyDelta(base: Configuration, delta: Delta): Parsed<Configuration> {
  if (delta.epoch !== base.epoch) return refuse(`delta is of epoch "${delta.epoch}"`);
  if (delta.base.digest !== base.digest) {
    return refuse(`delta starts at revision ${delta.base.revision} with another digest`);
  }
  if (delta.revision < base.revision) {
    return refuse(`delta leads to revision ${delta.revision}, back from ${base.revision}`);
  }
  const keys = [...delta.remove, ...delta.put.map(keyOf)];
  if (new Set(keys).size !== keys.length) return refuse('delta names an entry twice');
  const missing = delta.remove.find((key) => !base.entries.has(key));
  if (missing !== undefined) return refuse(`delta removes "${missing}", which is not there`);
  const entries = new Map(base.entries);
  let digest = base.digest;
  const drop = (key: EntryKey) => {
    const old = entries.get(key);
    if (old !== undefined) digest = subtractFromDigest(digest, old);
    entries.delete(key);
  };
  for (const key of delta.remove) drop(key);
  for (const entry of delta.put) {
    const key = keyOf(entry);
    drop(key);
    entries.set(key, entry);
    digest = addToDigest(digest, entry);
  }
  if (digest !== delta.digest) {
    return refuse(`delta to revision ${delta.revision} does not give the digest it promises`);
  }
  return accept({ epoch: delta.epoch, revision: delta.revision, digest, entries });
}

function isSameEntry(a: Entry | undefined, b: Entry): boolean {
  // Compilers write members in one order, so equal entries have equal JSON; a false
  // difference only costs bytes, never a wrong result.
  return a === b || (a !== undefined && JSON.stringify(a) === JSON.stringify(b));
}
