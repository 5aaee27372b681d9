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
import { checkOperatorPrefix } from './ip-cidr.ts';
import { type PublicKey, parsePublicKey } from './keys.ts';
import { type Name, parseName } from './name.ts';
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

/** A prefix in a request of an operator: a second parser must read the same network. */
export const OperatorPrefixSchema = refined<Prefix>(checkOperatorPrefix, {
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
  format: 'name',
  description: 'An RFC 1123 label: 1 to 63 of a-z, 0-9 and hyphens, not at either end',
  examples: ['hq'],
});

export const PortSchema = Type.Integer({ minimum: 1, maximum: MAX_PORT });

/** One thing that is wrong with a value. */
export type Fault = {
  /** JSON Pointer (RFC 6901) to the offending member; empty for the whole value. */
  readonly field: string;
  readonly message: string;
};

/** More than a person mends at once; a hostile document must not make a report of its own size. */
const MAX_FAULTS = 8;

/**
 * What is wrong with `value` under `schema`, in the order of the schema, at most eight faults;
 * empty when it is valid. A union whose members differ in `type` or `kind` is judged by the
 * member that the value says it is, so that nobody reads faults of something else.
 */
export function faultsOf(schema: TSchema, value: unknown): Fault[] {
  if (Value.Check(schema, value)) return [];
  const faults: Fault[] = [];
  for (const fault of walk(schema, value, '')) {
    faults.push(fault);
    if (faults.length === MAX_FAULTS) break;
  }
  // An invalid value without a fault would pass for a valid one.
  return faults.length > 0 ? faults : [{ field: '', message: 'is not acceptable' }];
}

/** Checks a value from outside. The refusal names the first offending member. */
export function parseWith<S extends TSchema>(schema: S, value: unknown): Parsed<Static<S>> {
  const [fault] = faultsOf(schema, value);
  if (fault === undefined) return accept(value as Static<S>); // checked by the schema
  return refuse(fault.field === '' ? fault.message : `${fault.field}: ${fault.message}`);
}

/** The keywords of JSON Schema that {@link walk} follows. */
type Shape = {
  readonly anyOf?: readonly TSchema[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly items?: TSchema;
};

/** A value's own faults before those of its members, each member once. */
function* walk(schema: TSchema, value: unknown, field: string): Generator<Fault> {
  if (Value.Check(schema, value)) return;
  const shape: Shape = schema;
  if (shape.anyOf !== undefined) return yield* walkUnion(shape.anyOf, value, field);
  const members = membersOf(shape, value);
  for (const error of Value.Errors(schema, value)) {
    // With members, the errors below this value are found again, and all of them, further on.
    if (members.length === 0 || error.instancePath === '') yield* describe(error, field);
  }
  for (const [name, memberSchema, member] of members) {
    yield* walk(memberSchema, member, `${field}/${escapePointer(name)}`);
  }
}

function* walkUnion(options: readonly TSchema[], value: unknown, field: string): Generator<Fault> {
  const shapes: readonly Shape[] = options;
  if (shapes.every((shape) => shape.const !== undefined)) {
    return yield { field, message: oneOf(shapes.map((shape) => shape.const)) };
  }
  const tag = ['type', 'kind'].find((name) => shapes.every((shape) => tagOf(shape, name)));
  if (tag === undefined || typeof value !== 'object' || value === null) {
    // Without a tag the first option is what the field is for; others leave it out (null).
    return yield* walk(options[0] ?? Type.Never(), value, field);
  }
  const tags = shapes.map((shape) => tagOf(shape, tag));
  const index = tags.indexOf(new Map<string, unknown>(Object.entries(value)).get(tag));
  const chosen = options[index];
  if (chosen === undefined) return yield { field: `${field}/${tag}`, message: oneOf(tags) };
  yield* walk(chosen, value, field);
}

function tagOf({ properties }: Shape, name: string): unknown {
  const tag: Shape | undefined = properties?.[name];
  return tag?.const;
}

function oneOf(values: readonly unknown[]): string {
  return `expected one of ${values.map((value) => JSON.stringify(value)).join(', ')}`;
}

function membersOf(
  { properties, items }: Shape,
  value: unknown,
): (readonly [string, TSchema, unknown])[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) {
    return items === undefined ? [] : value.map((item, index) => [`${index}`, items, item]);
  }
  const present = new Map<string, unknown>(Object.entries(value));
  return Object.entries(properties ?? {})
    .filter(([name]) => present.has(name))
    .map(([name, schema]) => [name, schema, present.get(name)]);
}

type SchemaError = ReturnType<typeof Value.Errors>[number];

function* describe(error: SchemaError, at: string): Generator<Fault> {
  const { keyword, instancePath, params, message } = error;
  const field = `${at}${instancePath}`;
  const named = params as { requiredProperties?: string[]; additionalProperties?: string[] };
  if (keyword === 'boolean') return; // repeats `additionalProperties`
  if (keyword === 'required') {
    for (const name of named.requiredProperties ?? []) {
      yield { field: `${field}/${escapePointer(name)}`, message: 'is required' };
    }
  } else if (keyword === 'additionalProperties') {
    for (const name of named.additionalProperties ?? []) {
      yield { field: `${field}/${escapePointer(name)}`, message: 'is not a known field' };
    }
  } else {
    yield { field, message: keyword === 'minProperties' ? 'expected at least one field' : message };
  }
}

/** RFC 6901 §3. */
function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
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
