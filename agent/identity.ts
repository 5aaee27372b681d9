/**
 * Who this agent is: its keys, its certificate, and the control plane it belongs to, in one
 * file that only its user reads. The private keys are made here and never leave the host.
 *
 * @module
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PublicKey } from '../protocol/keys.ts';
import { parsePublicKey } from '../protocol/keys.ts';
import { expectParsed } from '../protocol/parsed.ts';
import { NameSchema, PortSchema, parseWith, type Static, Type } from '../protocol/schema.ts';
import { Secret } from '../protocol/secret.ts';
import { makePrivateDirectory, writeDurably } from './durable-file.ts';

const FILE_NAME = 'identity.json';

const MembershipSchema = Type.Object(
  {
    connectorId: Type.String({ pattern: '^con_[0-9a-z]{20}$' }),
    connector: NameSchema,
    site: NameSchema,
    network: NameSchema,
    urls: Type.Array(Type.String(), { minItems: 1 }),
    /** PEM. */
    certificate: Type.String(),
    /** PEM, one certificate after another. */
    authority: Type.String(),
  },
  { additionalProperties: false },
);

const IdentitySchema = Type.Object(
  {
    version: Type.Literal(1),
    /** Base64, 32 bytes, as wg(8) takes it. */
    wireguardPrivateKey: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }),
    /** PKCS #8, PEM. */
    identityPrivateKey: Type.String({ pattern: '^-----BEGIN PRIVATE KEY-----' }),
    listenPort: PortSchema,
    /** Interfaces are called so, with a number behind. */
    interfaceBase: Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,11}$' }),
    /** Absent until the control plane has answered the join. */
    membership: Type.Optional(MembershipSchema),
  },
  { additionalProperties: false },
);

export type Membership = Readonly<Static<typeof MembershipSchema>>;

export type Identity = {
  readonly wireguardPrivateKey: Secret;
  readonly identityPrivateKey: Secret;
  readonly listenPort: number;
  readonly interfaceBase: string;
  readonly membership?: Membership | undefined;
};

/** An agent that has joined. */
export type Member = Identity & { readonly membership: Membership };

/** The file is there but cannot be used. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
}

export function createIdentity({
  listenPort,
  interfaceBase,
}: {
  readonly listenPort: number;
  readonly interfaceBase: string;
}): Identity {
  const wireguard = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const identity = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const d = wireguard.d ?? ''; // an X25519 key always has it (RFC 8037 §2)
  return {
    listenPort,
    interfaceBase,
    wireguardPrivateKey: new Secret(Buffer.from(d, 'base64url').toString('base64')),
    identityPrivateKey: new Secret(identity.export({ format: 'pem', type: 'pkcs8' }).toString()),
  };
}

export function wireguardPublicKey({ wireguardPrivateKey }: Identity): PublicKey {
  const seed = Buffer.from(wireguardPrivateKey.reveal(), 'base64');
  // PKCS #8 of an X25519 key is this fixed beginning and the 32 bytes (RFC 8410 §7).
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), seed]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  const x = key.export({ format: 'jwk' }).x ?? ''; // an X25519 key always has it
  return expectParsed(parsePublicKey(Buffer.from(x, 'base64url').toString('base64')));
}

export function identityKey({ identityPrivateKey }: Identity): KeyObject {
  return createPrivateKey(identityPrivateKey.reveal());
}

/**
 * @returns undefined when there is none: this host has not joined
 * @throws {IdentityError} when there is one that cannot be used
 */
export function loadIdentity(directory: string): Identity | undefined {
  const path = join(directory, FILE_NAME);
  const mode = modeOf(path);
  if (mode === undefined) return undefined;
  if ((mode & 0o077) !== 0) {
    const octal = mode.toString(8);
    throw new IdentityError(
      `Cannot use "${path}": others may read it (mode ${octal}); run chmod 600 on it, ` +
        'and join again with new keys if somebody may have read it',
    );
  }
  const parsed = parseWith(IdentitySchema, readJson(path));
  if (!parsed.ok) throw new IdentityError(`Cannot use "${path}": ${parsed.message}`);
  const { wireguardPrivateKey, identityPrivateKey, listenPort, interfaceBase, membership } =
    parsed.value;
  return {
    wireguardPrivateKey: new Secret(wireguardPrivateKey),
    identityPrivateKey: new Secret(identityPrivateKey),
    listenPort,
    interfaceBase,
    membership,
  };
}

/** Durable when it returns. */
export function saveIdentity(directory: string, identity: Identity): void {
  makePrivateDirectory(directory);
  const { wireguardPrivateKey, identityPrivateKey, ...rest } = identity;
  const stored = {
    version: 1,
    ...rest,
    wireguardPrivateKey: wireguardPrivateKey.reveal(),
    identityPrivateKey: identityPrivateKey.reveal(),
  };
  writeDurably(join(directory, FILE_NAME), `${JSON.stringify(stored, null, 2)}\n`);
}

/** Forgets everything the agent kept on this host. */
export function removeState(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** Permission bits; undefined when there is no such file. @throws when nobody may look */
function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode & 0o777;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // fs throws these
    throw error;
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new IdentityError(`Cannot use "${path}": it is not JSON`, { cause });
  }
}
