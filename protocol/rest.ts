/**
 * The resources of the REST API as they stand in requests and answers. The control plane
 * validates and documents with these schemas, the CLI compiles against their types.
 *
 * Naming: `XCreate` and `XUpdate` are request bodies, `X` is the answer. A reference in a
 * request is an id or a name; in an answer it is both (`Reference`). Times are RFC 3339, UTC.
 *
 * @module
 */
import { PeerReportSchema } from './message.ts';
import {
  AddressSchema,
  EndpointSchema,
  NameSchema,
  OperatorPrefixSchema,
  PortSchema,
  PrefixSchema,
  PublicKeySchema,
  type Static,
  type TSchema,
  Type,
} from './schema.ts';

/** Every path begins with it. */
export const API_PREFIX = '/v1';

export const DEFAULT_MTU_BYTES = 1420;
export const DEFAULT_KEEPALIVE_SECONDS = 25;
export const DEFAULT_LISTEN_PORT = 51_820;
export const DEFAULT_TOKEN_LIFETIME_SECONDS = 24 * 60 * 60;

const closed = { additionalProperties: false } as const;
const IdSchema = Type.String({
  pattern: '^[a-z]{3}_[0-9a-z]{20}$',
  examples: ['net_0123456789abcdefghij'],
});
const TimeSchema = Type.String({ format: 'date-time' });
const CountSchema = Type.Integer({ minimum: 0 });

/** An id, or a name that fits one object only. */
export const ReferenceTextSchema = Type.String({ minLength: 1, maxLength: 63 });

export const ReferenceSchema = Type.Object({ id: IdSchema, name: NameSchema }, closed);

export const NetworkSchema = Type.Object(
  {
    id: IdSchema,
    name: NameSchema,
    overlayPrefixes: Type.Array(PrefixSchema),
    mtuBytes: Type.Integer(),
    keepaliveSeconds: Type.Integer(),
    createdAt: TimeSchema,
  },
  closed,
);

const MtuSchema = Type.Integer({ minimum: 1280, maximum: 9000, default: DEFAULT_MTU_BYTES });
const KeepaliveSchema = Type.Integer({
  minimum: 0,
  maximum: 65_535,
  default: DEFAULT_KEEPALIVE_SECONDS,
  description: 'Seconds; 0 is off',
});

export const NetworkCreateSchema = Type.Object(
  {
    name: NameSchema,
    overlayPrefixes: Type.Optional(
      Type.Array(OperatorPrefixSchema, {
        minItems: 1,
        maxItems: 2,
        description: 'At most one IPv4 and one IPv6 prefix; made up when absent',
      }),
    ),
    mtuBytes: Type.Optional(MtuSchema),
    keepaliveSeconds: Type.Optional(KeepaliveSchema),
  },
  closed,
);

export const NetworkUpdateSchema = Type.Object(
  { mtuBytes: Type.Optional(MtuSchema), keepaliveSeconds: Type.Optional(KeepaliveSchema) },
  { ...closed, minProperties: 1 },
);

export const SiteSchema = Type.Object(
  {
    id: IdSchema,
    name: NameSchema,
    network: ReferenceSchema,
    /** Approved prefixes behind the site. */
    prefixes: Type.Array(PrefixSchema),
    /** The connector that carries the site's routes; null while the site has none. */
    assignment: Type.Union([ReferenceSchema, Type.Null()]),
    createdAt: TimeSchema,
  },
  closed,
);

export const SiteCreateSchema = Type.Object(
  {
    network: ReferenceTextSchema,
    name: NameSchema,
    prefixes: Type.Optional(
      Type.Array(OperatorPrefixSchema, {
        maxItems: 256,
        description: 'Approved routes made with it',
      }),
    ),
  },
  closed,
);

export const SiteUpdateSchema = Type.Object(
  {
    assignment: ReferenceTextSchema,
  },
  closed,
);

export const ConnectorStateSchema = Type.Union([
  Type.Literal('active'),
  Type.Literal('degraded'),
  Type.Literal('inactive'),
]);

export const ConnectorSchema = Type.Object(
  {
    id: IdSchema,
    name: NameSchema,
    site: ReferenceSchema,
    network: ReferenceSchema,
    publicKey: PublicKeySchema,
    overlayAddresses: Type.Array(AddressSchema),
    listenPort: PortSchema,
    /** What peers are told: set by an operator, else observed; null when nobody knows. */
    endpoint: Type.Union([EndpointSchema, Type.Null()]),
    endpointOrigin: Type.Union([
      Type.Literal('operator'),
      Type.Literal('observed'),
      Type.Literal('unknown'),
    ]),
    /** active: connected and applied; degraded: connected, something left; inactive: away. */
    state: ConnectorStateSchema,
    /** One sentence: why it is in that state. */
    reason: Type.String(),
    lastSeenAt: Type.Union([TimeSchema, Type.Null()]),
    /** Revision the agent reported as applied; null before its first report. */
    appliedRevision: Type.Union([CountSchema, Type.Null()]),
    pending: Type.Array(Type.Object({ operation: Type.String(), reason: Type.String() }, closed)),
    peers: Type.Array(PeerReportSchema),
    createdAt: TimeSchema,
  },
  closed,
);

export const ConnectorUpdateSchema = Type.Object(
  {
    name: Type.Optional(NameSchema),
    endpoint: Type.Optional(
      Type.Union([EndpointSchema, Type.Null()], {
        description: 'null: use the address that the control plane observes',
      }),
    ),
  },
  { ...closed, minProperties: 1 },
);

export const RouteStateSchema = Type.Union([Type.Literal('approved'), Type.Literal('pending')]);

export const RouteSchema = Type.Object(
  {
    id: IdSchema,
    prefix: PrefixSchema,
    site: ReferenceSchema,
    network: ReferenceSchema,
    state: RouteStateSchema,
    /** The connector that proposed it; null when an operator made it. */
    proposedBy: Type.Union([ReferenceSchema, Type.Null()]),
    /** The connector that carries it; null while pending or while the site has none. */
    assignment: Type.Union([ReferenceSchema, Type.Null()]),
    createdAt: TimeSchema,
  },
  closed,
);

export const RouteCreateSchema = Type.Object(
  { site: ReferenceTextSchema, prefix: OperatorPrefixSchema },
  closed,
);

export const RouteUpdateSchema = Type.Object({ state: RouteStateSchema }, closed);

export const EnrollmentTokenStateSchema = Type.Union([
  Type.Literal('usable'),
  Type.Literal('used'),
  Type.Literal('expired'),
  Type.Literal('revoked'),
]);

export const EnrollmentTokenSchema = Type.Object(
  {
    id: IdSchema,
    site: ReferenceSchema,
    network: ReferenceSchema,
    state: EnrollmentTokenStateSchema,
    uses: CountSchema,
    maxUses: CountSchema,
    expiresAt: TimeSchema,
    createdAt: TimeSchema,
  },
  closed,
);

export const EnrollmentTokenCreateSchema = Type.Object(
  {
    site: ReferenceTextSchema,
    maxUses: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 1 })),
    expiresInSeconds: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 365 * 24 * 60 * 60,
        default: DEFAULT_TOKEN_LIFETIME_SECONDS,
      }),
    ),
  },
  closed,
);

/** The answer to creating one: the only time the token itself is shown. */
export const EnrollmentTokenCreatedSchema = Type.Object(
  { ...EnrollmentTokenSchema.properties, token: Type.String() },
  closed,
);

export const ApiTokenSchema = Type.Object(
  {
    id: IdSchema,
    name: NameSchema,
    expiresAt: Type.Union([TimeSchema, Type.Null()]),
    createdAt: TimeSchema,
  },
  closed,
);

export const ApiTokenCreateSchema = Type.Object(
  {
    name: NameSchema,
    expiresInSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 10 * 365 * 24 * 3600 })),
  },
  closed,
);

export const ApiTokenCreatedSchema = Type.Object(
  { ...ApiTokenSchema.properties, secret: Type.String() },
  closed,
);

/** What a network has to say about an address. */
export const LookupMatchSchema = Type.Object(
  {
    network: ReferenceSchema,
    /** route: behind a site; overlay: a connector itself; none: only pending or overlapping. */
    kind: Type.Union([Type.Literal('route'), Type.Literal('overlay'), Type.Literal('none')]),
    /** The longest approved prefix that holds the address. */
    prefix: Type.Union([PrefixSchema, Type.Null()]),
    site: Type.Union([ReferenceSchema, Type.Null()]),
    connector: Type.Union([ReferenceSchema, Type.Null()]),
    connectorState: Type.Union([ConnectorStateSchema, Type.Null()]),
    /** Other routes of the network that hold the address, pending ones among them. */
    alternatives: Type.Array(
      Type.Object({ prefix: PrefixSchema, site: ReferenceSchema, state: RouteStateSchema }, closed),
    ),
  },
  closed,
);

export const LookupSchema = Type.Object(
  {
    address: AddressSchema,
    /** One for each network that knows the address; two or more means that networks overlap. */
    matches: Type.Array(LookupMatchSchema),
  },
  closed,
);

export const StatusSchema = Type.Object(
  {
    version: Type.String(),
    epoch: Type.String(),
    revision: CountSchema,
    networks: CountSchema,
    sites: CountSchema,
    routes: Type.Object({ approved: CountSchema, pending: CountSchema }, closed),
    connectors: Type.Object(
      { active: CountSchema, degraded: CountSchema, inactive: CountSchema },
      closed,
    ),
  },
  closed,
);

/** Answer of every collection. `nextCursor` is null on the last page. */
export function listOf<S extends TSchema>(item: S) {
  return Type.Object(
    { items: Type.Array(item), nextCursor: Type.Union([Type.String(), Type.Null()]) },
    closed,
  );
}

export type Reference = Readonly<Static<typeof ReferenceSchema>>;
export type NetworkResource = Readonly<Static<typeof NetworkSchema>>;
export type SiteResource = Readonly<Static<typeof SiteSchema>>;
export type ConnectorResource = Readonly<Static<typeof ConnectorSchema>>;
export type RouteResource = Readonly<Static<typeof RouteSchema>>;
export type EnrollmentTokenResource = Readonly<Static<typeof EnrollmentTokenSchema>>;
export type EnrollmentTokenCreated = Readonly<Static<typeof EnrollmentTokenCreatedSchema>>;
export type ApiTokenResource = Readonly<Static<typeof ApiTokenSchema>>;
export type ApiTokenCreated = Readonly<Static<typeof ApiTokenCreatedSchema>>;
export type LookupResource = Readonly<Static<typeof LookupSchema>>;
export type StatusResource = Readonly<Static<typeof StatusSchema>>;
