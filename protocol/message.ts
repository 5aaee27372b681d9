/**
 * What agents and the control plane say to each other: the join request over HTTPS, then
 * messages in both directions over one WebSocket, each a JSON text. Both sides check what
 * they receive against these schemas.
 *
 * @module
 */
import { EntrySchema } from './configuration.ts';
import { DIGEST_PATTERN, type Digest } from './digest.ts';
import { type Parsed, refuse } from './parsed.ts';
import {
  EndpointSchema,
  NameSchema,
  PortSchema,
  PrefixSchema,
  PublicKeySchema,
  parseWith,
  type Static,
  type TSchema,
  Type,
} from './schema.ts';

/** Raised when an old agent could misread a message; the control plane names what it speaks. */
export const PROTOCOL_VERSION = 1;

/** Largest message either side accepts: a whole configuration of about 100,000 entries. */
export const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** Paths on the agents' listener. */
export const JOIN_PATH = '/v1/join';
export const LEAVE_PATH = '/v1/leave';
export const STREAM_PATH = '/v1/stream';

const closed = { additionalProperties: false } as const;
const RevisionSchema = Type.Integer({ minimum: 0 });
const EpochSchema = Type.String({ pattern: '^[0-9a-z]{1,32}$' });
const DigestSchema = Type.Unsafe<Digest>({ type: 'string', pattern: DIGEST_PATTERN });
const PemSchema = Type.String({ maxLength: 16_384, pattern: '^-----BEGIN ' });
const VersionSchema = Type.Object(
  { epoch: EpochSchema, revision: RevisionSchema, digest: DigestSchema },
  closed,
);

/** `POST /v1/join`: makes the sender a connector of the token's site. */
export const JoinRequestSchema = Type.Object(
  {
    /** The token's secret. */
    secret: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    /** PKCS #10 request, signed by the identity key (RFC 2986). */
    certificateRequest: PemSchema,
    wireguardPublicKey: PublicKeySchema,
    /** What the connector would like to be called; the control plane may add a number. */
    name: NameSchema,
    listenPort: PortSchema,
    /** Where others reach it; without one the control plane uses the address it sees. */
    endpoint: Type.Optional(EndpointSchema),
    /** Prefixes the operator at the site believes to be behind it: pending until approved. */
    proposedPrefixes: Type.Array(PrefixSchema, { maxItems: 256 }),
  },
  closed,
);

export const JoinAnswerSchema = Type.Object(
  {
    connectorId: Type.String({ pattern: '^con_[0-9a-z]{20}$' }),
    connector: NameSchema,
    site: NameSchema,
    network: NameSchema,
    /** The agent's certificate, PEM. */
    certificate: PemSchema,
    /** The authority's certificates, PEM, one after another. */
    authority: Type.String({ maxLength: 65_536, pattern: '^-----BEGIN ' }),
  },
  closed,
);

/** First message of an agent. `held` is what it has; absent when it has nothing. */
export const HelloSchema = Type.Object(
  {
    type: Type.Literal('hello'),
    protocolVersion: Type.Integer({ minimum: 1 }),
    agentVersion: Type.String({ maxLength: 64 }),
    held: Type.Optional(VersionSchema),
  },
  closed,
);

/** What an agent knows of one peer, read from WireGuard. */
export const PeerReportSchema = Type.Object(
  {
    publicKey: PublicKeySchema,
    endpoint: Type.Optional(EndpointSchema),
    /** Absent when there was no handshake yet. */
    handshakeAgeSeconds: Type.Optional(Type.Number({ minimum: 0 })),
    receivedBytes: Type.Number({ minimum: 0 }),
    sentBytes: Type.Number({ minimum: 0 }),
  },
  closed,
);

/** How far an agent is with the configuration it accepted last. */
export const ReportSchema = Type.Object(
  {
    type: Type.Literal('report'),
    version: VersionSchema,
    /** True when a fresh look at the kernel found nothing left to do. */
    isApplied: Type.Boolean(),
    /** What is left and why, in the words of `explain()`. */
    pending: Type.Array(
      Type.Object(
        {
          operation: Type.String({ maxLength: 500 }),
          reason: Type.String({ maxLength: 1000 }),
        },
        closed,
      ),
      { maxItems: 100 },
    ),
    peers: Type.Array(PeerReportSchema, { maxItems: 10_000 }),
  },
  closed,
);

/** The agent cannot use the last delta and asks for the whole configuration. */
export const ResendSchema = Type.Object(
  { type: Type.Literal('resend'), reason: Type.String({ maxLength: 500 }) },
  closed,
);

/** The agent asks for a certificate before its own runs out. */
export const RenewSchema = Type.Object(
  { type: Type.Literal('renew'), certificateRequest: PemSchema },
  closed,
);

export const AgentMessageSchema = Type.Union([
  HelloSchema,
  ReportSchema,
  ResendSchema,
  RenewSchema,
]);

/** A whole configuration. */
export const WholeSchema = Type.Object(
  {
    type: Type.Literal('configuration'),
    epoch: EpochSchema,
    revision: RevisionSchema,
    digest: DigestSchema,
    entries: Type.Array(EntrySchema),
  },
  closed,
);

/** Only what changed; see `applyDelta()`. */
export const DeltaSchema = Type.Object(
  {
    type: Type.Literal('delta'),
    epoch: EpochSchema,
    base: Type.Object({ revision: RevisionSchema, digest: DigestSchema }, closed),
    revision: RevisionSchema,
    digest: DigestSchema,
    put: Type.Array(EntrySchema),
    remove: Type.Array(Type.String({ maxLength: 200 })),
  },
  closed,
);

/** The agent's configuration is the one it should have; its revision may have moved on. */
export const CurrentSchema = Type.Object(
  { type: Type.Literal('current'), version: VersionSchema },
  closed,
);

/** Answer to `renew`. */
export const CertificateSchema = Type.Object(
  {
    type: Type.Literal('certificate'),
    certificate: PemSchema,
    authority: Type.String({ maxLength: 65_536, pattern: '^-----BEGIN ' }),
  },
  closed,
);

/** An operator removed this connector: the agent leaves its host as it was before. */
export const RemovedSchema = Type.Object({ type: Type.Literal('removed') }, closed);

export const ControlPlaneMessageSchema = Type.Union([
  WholeSchema,
  DeltaSchema,
  CurrentSchema,
  CertificateSchema,
  RemovedSchema,
]);

export type JoinRequest = Readonly<Static<typeof JoinRequestSchema>>;
export type JoinAnswer = Readonly<Static<typeof JoinAnswerSchema>>;
export type PeerReport = Readonly<Static<typeof PeerReportSchema>>;
export type Report = Readonly<Static<typeof ReportSchema>>;
export type AgentMessage = Readonly<Static<typeof AgentMessageSchema>>;
export type ControlPlaneMessage = Readonly<Static<typeof ControlPlaneMessageSchema>>;

export function parseAgentMessage(text: string): Parsed<AgentMessage> {
  return parseMessage(AgentMessageSchema, text);
}

export function parseControlPlaneMessage(text: string): Parsed<ControlPlaneMessage> {
  return parseMessage(ControlPlaneMessageSchema, text);
}

function parseMessage<S extends TSchema>(schema: S, text: string): Parsed<Static<S>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('the message is not JSON');
  }
  return parseWith(schema, value);
}
