/**
 * Where a peer is sent to: an address and a UDP port, as wg(8) prints it. Host names are not
 * endpoints: they are resolved by whoever has them, so that every reader sees the same value.
 *
 * @module
 */
import { type Address, familyOf, parseAddress } from './net.ts';
import { accept, type Parsed, refuse } from './parsed.ts';

declare const endpointBrand: unique symbol;

/** `198.51.100.1:51820` or `[2001:db8::1]:51820`. */
export type Endpoint = string & { readonly [endpointBrand]: true };

export const MAX_PORT = 65_535;

const ENDPOINT = /^(?:\[(?<v6>[^\]]*)\]|(?<v4>[^:[\]]*)):(?<port>[1-9]\d{0,4})$/;

export function parseEndpoint(text: string): Parsed<Endpoint> {
  const groups = ENDPOINT.exec(text)?.groups;
  const port = Number(groups?.port);
  if (groups === undefined || port > MAX_PORT) {
    return refuse(
      `"${text}" is not an endpoint; expected one like 198.51.100.1:51820 or [2001:db8::1]:51820`,
    );
  }
  const address = parseAddress(groups.v6 ?? groups.v4 ?? '');
  if (!address.ok) return address;
  if ((familyOf(address.value) === 6) !== (groups.v6 !== undefined)) {
    return refuse(`"${text}" is not an endpoint; only an IPv6 address stands in brackets`);
  }
  return accept(text as Endpoint); // checked: canonical address, canonical port
}

/** @throws {RangeError} when the port is not 1 to 65535 */
export function formatEndpoint(address: Address, port: number): Endpoint {
  if (!Number.isInteger(port) || port < 1 || port > MAX_PORT) {
    throw new RangeError(`Cannot format endpoint: port ${port} is not 1 to ${MAX_PORT}`);
  }
  const host = familyOf(address) === 6 ? `[${address}]` : address;
  return `${host}:${port}` as Endpoint; // formatted by rule
}

export function endpointAddress(endpoint: Endpoint): Address {
  const host = endpoint.slice(0, endpoint.lastIndexOf(':'));
  return (host.startsWith('[') ? host.slice(1, -1) : host) as Address; // canonical by brand
}

export function endpointPort(endpoint: Endpoint): number {
  return Number(endpoint.slice(endpoint.lastIndexOf(':') + 1));
}
