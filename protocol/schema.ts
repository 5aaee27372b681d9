/**
 * Schemas of values that cross a border (HTTP body, stream message, state file): one
 * definition validates, types and documents. The only door to TypeBox.
 *
 * A refined schema is documented as a string with a format and validated by our own parser,
 * so that a refusal says what would be accepted.
 *
 * @module
 */
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { type Endpoint, MAX_PORT, parseEndpoint } from './endpoint.ts';
import { type PublicKey, parsePublicKey } from './keys.ts';
import { NAME_PATTERN, type Name, parseName } from './name.ts';
import { type Address, type Prefix, parseAddress, parsePrefix } from './net.ts';
import { accept, type Parsed, refuse } from './parsed.ts';

export { type Static, type TSchema, Type };

export const AddressSchema = refined<Address>(parseAddress, {
  format: 'ip-address',
  description: 'A canonical IPv4 or IPv6 address',
  examples: ['10.1.0.1'],
});

export const PrefixSchema = refined<Prefix>(parsePrefix, {
  format: 'ip-prefix',
  description: 'A canonical IP prefix: host bits zero, IPv6 as in RFC 5952',
  examples: ['10.1.0.0/16'],
});

export const PublicKeySchema = refined<PublicKey>(parsePublicKey, {
  format: 'wireguard-public-key',
  description: 'A WireGuard public key, 32 bytes in base64',
});

export const EndpointSchema = refined<Endpoint>(parseEndpoint, {
  format: 'endpoint',
  description: 'Address and UDP port; an IPv6 address stands in brackets',
  examples: ['198.51.100.1:51820'],
});

export const NameSchema = refined<Name>(parseName, {
  pattern: NAME_PATTERN,
  description: 'An RFC 1123 label',
  examples: ['hq'],
});

export const PortSchema = Type.Integer({ minimum: 1, maximum: MAX_PORT });

/** One thing that is wrong with a value. */
export type Fault = {
  /** JSON Pointer (RFC 6901) to the offending member; empty for the whole value. */
  readonly field: string;
  readonly message: string;
};

/** Every fault of `value` under `schema`, in the order of the schema; empty when it is valid. */
export function faultsOf(schema: TSchema, value: unknown): Fault[] {
  if (Value.Check(schema, value)) return [];
  return Value.Errors(schema, value)
    .filter((error) => error.keyword !== 'boolean') // repeated by `additionalProperties`
    .map((error) => describe(error));
}

/** Checks a value from outside. The refusal names the first offending member. */
export function parseWith<S extends TSchema>(schema: S, value: unknown): Parsed<Static<S>> {
  const [fault] = faultsOf(schema, value);
  if (fault === undefined) return accept(value as Static<S>); // checked by the schema
  return refuse(fault.field === '' ? fault.message : `${fault.field}: ${fault.message}`);
}

type SchemaError = ReturnType<typeof Value.Errors>[number];

function describe({ keyword, instancePath, params, message }: SchemaError): Fault {
  const named = params as { requiredProperties?: string[]; additionalProperties?: string[] };
  if (keyword === 'required') {
    const missing = named.requiredProperties?.[0] ?? '';
    return { field: `${instancePath}/${missing}`, message: 'is required' };
  }
  if (keyword === 'additionalProperties') {
    const extra = named.additionalProperties?.[0] ?? '';
    return { field: `${instancePath}/${extra}`, message: 'is not a known field' };
  }
  return { field: instancePath, message };
}

function refined<T extends string>(
  parse: (text: string) => Parsed<T>,
  documentation: { readonly [keyword: string]: unknown },
) {
  return Type.Refine(
    Type.Unsafe<T>({ type: 'string', maxLength: 128, ...documentation }),
    (value) => typeof value === 'string' && parse(value).ok,
    (value) => {
      const parsed = typeof value === 'string' ? parse(value) : refuse('expected a string');
      return parsed.ok ? 'is not acceptable' : parsed.message;
    },
  );
}
