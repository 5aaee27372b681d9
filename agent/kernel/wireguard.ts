/**
 * WireGuard devices through wg(8), kernel and userspace alike: reads a device into plain data
 * and carries out operations on it. Takes no decision.
 *
 * A device's private key passes through on its way in, by descriptor, and is dropped on its
 * way out.
 *
 * @module
 */
import { type Endpoint, parseEndpoint } from '../../protocol/endpoint.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { canonicalAddress, canonicalPrefix, type Prefix } from '../../protocol/net.ts';
import { Secret } from '../../protocol/secret.ts';
import type { DesiredPeer, ObservedDevice, ObservedPeer, Operation } from '../state.ts';
import { type Run, SECRET_FILE } from './run.ts';
import { UnreadableError } from './unreadable-error.ts';

/** Gives the private half of a key that this host made. */
export type PrivateKeyOf = (publicKey: PublicKey) => Secret;

/** Peers in one call of wg(8): well inside its time limit, and its arguments inside ARG_MAX. */
const MAX_SET = 1_000;
const MAX_REMOVE = 200;

/** As wg(8) prints 32 bytes. */
const KEY = /^[A-Za-z0-9+/]{43}=$/;

/** Names of the devices that answer. A userspace device whose process is gone is not listed. */
export async function listDevices(run: Run): Promise<Set<string>> {
  return new Set((await run(['wg', 'show', 'interfaces'])).split(/\s+/).filter(Boolean));
}

/**
 * Undefined when the device does not answer. Decided by listing, because the text of the
 * refusal differs between kernels.
 *
 * @throws {CommandError}
 * @throws {UnreadableError}
 */
export async function observeDevice(
  run: Run,
  link: string,
  nowSeconds: number,
): Promise<ObservedDevice | undefined> {
  try {
    return parseDump(link, await run(['wg', 'show', link, 'dump']), nowSeconds);
  } catch (error) {
    if (!(await listDevices(run)).has(link)) return undefined;
    throw error;
  }
}

/** @throws {CommandError} when there is no such device */
export async function setDevice(
  run: Run,
  { link, publicKey, listenPort }: Extract<Operation, { kind: 'set-device' }>,
  privateKeyOf: PrivateKeyOf,
): Promise<void> {
  await run(['wg', 'set', link, 'private-key', SECRET_FILE, 'listen-port', `${listenPort}`], {
    secret: privateKeyOf(publicKey),
  });
}

/**
 * Adds peers or sets them to what is given, in order; others are left alone. A prefix that is
 * given to one leaves every other peer of the device.
 *
 * @throws {CommandError} at the first call that fails; earlier peers stand
 */
export async function setPeers(
  run: Run,
  link: string,
  peers: readonly DesiredPeer[],
): Promise<void> {
  for (let start = 0; start < peers.length; start += MAX_SET) {
    const sections = peers
      .slice(start, start + MAX_SET)
      .map(peerSection)
      .join('\n');
    await run(['wg', 'addconf', link, SECRET_FILE], { secret: new Secret(sections) });
  }
}

/** Peers that are not there are no error. @throws {CommandError} */
export async function removePeers(
  run: Run,
  link: string,
  keys: readonly PublicKey[],
): Promise<void> {
  for (let start = 0; start < keys.length; start += MAX_REMOVE) {
    const some = keys.slice(start, start + MAX_REMOVE);
    await run(['wg', 'set', link, ...some.flatMap((key) => ['peer', key, 'remove'])]);
  }
}

/** wg(8), "CONFIGURATION FILE FORMAT". Allowed IPs that are not named are taken away. */
function peerSection(peer: DesiredPeer): string {
  const { publicKey, allowedIps, keepaliveSeconds, endpoint } = peer;
  return [
    '[Peer]',
    `PublicKey = ${publicKey}`,
    `PersistentKeepalive = ${keepaliveSeconds}`,
    // An empty list is refused; naming none means none.
    ...(allowedIps.length === 0 ? [] : [`AllowedIPs = ${allowedIps.join(', ')}`]),
    ...(endpoint === undefined ? [] : [`Endpoint = ${endpoint}`]),
    '',
  ].join('\n');
}

/**
 * Parses `wg show <device> dump`. Its first line holds the private key, which is not kept.
 *
 * @throws {UnreadableError} which quotes nothing of the text
 */
export function parseDump(link: string, dump: string, nowSeconds: number): ObservedDevice {
  const source = `wg show ${link} dump`;
  const [device = '', ...peers] = dump.trimEnd().split('\n');
  const [, publicKey, listenPort, , ...more] = device.split('\t');
  if (publicKey === undefined || listenPort === undefined || more.length > 0) {
    throw new UnreadableError(source, 'the first line is not four fields');
  }
  return {
    link,
    publicKey: publicKey === '(none)' ? undefined : readKey(publicKey, source),
    listenPort: readCount(listenPort, source),
    peers: peers.map((line) => parsePeer(line, source, nowSeconds)),
  };
}

/** A peer's line; its fields are separated by tabs. */
function parsePeer(line: string, source: string, nowSeconds: number): ObservedPeer {
  const fields = line.split('\t');
  if (fields.length !== 8) throw new UnreadableError(source, "a peer's line is not eight fields");
  const [
    publicKey,
    ,
    // preshared key
    endpoint, // or "(none)"
    allowedIps, // comma-separated, or "(none)"
    latestHandshake, // Unix seconds; "0" is never
    receivedBytes,
    sentBytes,
    keepalive, // seconds, or "off"
  ] = fields as [string, string, string, string, string, string, string, string]; // just counted
  const handshakeSeconds = readCount(latestHandshake, source);
  return {
    publicKey: readKey(publicKey, source),
    endpoint: readEndpoint(endpoint, source),
    allowedIps:
      allowedIps === '(none)' ? [] : allowedIps.split(',').map((text) => readPrefix(text, source)),
    keepaliveSeconds: keepalive === 'off' ? 0 : readCount(keepalive, source),
    // The clock may have been set back since the handshake.
    handshakeAgeSeconds:
      handshakeSeconds === 0 ? undefined : Math.max(0, nowSeconds - handshakeSeconds),
    receivedBytes: readCount(receivedBytes, source),
    sentBytes: readCount(sentBytes, source),
  };
}

function readKey(text: string, source: string): PublicKey {
  if (!KEY.test(text)) throw new UnreadableError(source, 'a public key is not one');
  return text as PublicKey; // 32 bytes; even all zero, which somebody may have set by hand
}

function readCount(text: string, source: string): number {
  if (!/^\d{1,16}$/.test(text)) throw new UnreadableError(source, 'a number is not one');
  return Number(text);
}

function readPrefix(text: string, source: string): Prefix {
  const prefix = canonicalPrefix(text);
  if (prefix === undefined) throw new UnreadableError(source, 'an allowed IP is not a prefix');
  return prefix;
}

/**
 * Undefined for what no configuration can say: a link-local address with its zone
 * (`[fe80::1%eth0]:51820`), and port 0.
 */
function readEndpoint(text: string, source: string): Endpoint | undefined {
  if (text === '(none)' || text.includes('%') || text.endsWith(':0')) return undefined;
  const [, ipv6, ipv4, port] = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text) ?? [];
  const address = canonicalAddress(ipv6 ?? ipv4 ?? '');
  const parsed = parseEndpoint(ipv6 === undefined ? `${address}:${port}` : `[${address}]:${port}`);
  if (!parsed.ok) throw new UnreadableError(source, 'an endpoint is not one');
  return parsed.value;
}
