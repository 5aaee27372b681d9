import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AddressSchema,
  EndpointSchema,
  faultsOf,
  NameSchema,
  OperatorPrefixSchema,
  PrefixSchema,
  PublicKeySchema,
  parseWith,
  Type,
} from '../../../protocol/schema.ts';

// The world of these tests: what an operator sends to make a site.
const closed = { additionalProperties: false };
const ShapeSchema = Type.Union([
  Type.Object({ kind: Type.Literal('lan'), prefix: PrefixSchema }, closed),
  Type.Object({ kind: Type.Literal('host'), address: AddressSchema }, closed),
]);
const SiteSchema = Type.Object(
  {
    name: NameSchema,
    prefixes: Type.Optional(Type.Array(PrefixSchema, { maxItems: 3 })),
    state: Type.Optional(Type.Union([Type.Literal('approved'), Type.Literal('pending')])),
    endpoint: Type.Optional(Type.Union([EndpointSchema, Type.Null()])),
    shapes: Type.Optional(Type.Array(ShapeSchema)),
  },
  closed,
);

describe('faultsOf()', () => {
  test('is empty for a valid value', () => {
    const shapes = [{ kind: 'lan', prefix: '10.1.0.0/16' }];
    const site = { name: 'hq', prefixes: ['10.1.0.0/16'], endpoint: null, shapes };
    expect(faultsOf(SiteSchema, site)).toEqual([]);
  });

  test('names every offending member and what would be accepted', () => {
    const value = { prefixes: ['10.1.0.1/16', 7, 'fd00::/64'], state: 'new', endpoint: 'hq' };
    expect(faultsOf(SiteSchema, { ...value, 'a/b~c': 1 })).toEqual([
      { field: '/name', message: 'is required' },
      { field: '/a~1b~0c', message: 'is not a known field' },
      {
        field: '/prefixes/0',
        message: '"10.1.0.1/16" has host bits set; did you mean 10.1.0.0/16',
      },
      { field: '/prefixes/1', message: 'must be string' },
      { field: '/state', message: 'expected one of "approved", "pending"' },
      {
        field: '/endpoint',
        message:
          '"hq" is not an endpoint; expected one like 198.51.100.1:51820 or [2001:db8::1]:51820',
      },
    ]);
  });

  test('judges a union by the member that the value says it is', () => {
    const shapes = [{ kind: 'host', address: '10.1.0.01' }, { kind: 'lan' }, { kind: 'net' }, 5];
    expect(faultsOf(SiteSchema, { name: 'hq', shapes })).toEqual([
      {
        field: '/shapes/0/address',
        message: '"10.1.0.01" is not an IP address; expected one like 10.1.0.1 or fd00::1',
      },
      { field: '/shapes/1/prefix', message: 'is required' },
      { field: '/shapes/2/kind', message: 'expected one of "lan", "host"' },
      { field: '/shapes/3', message: 'must be object' },
    ]);
  });

  test('stops at eight', () => {
    const shapes = new Array<string>(1000).fill('x');
    expect(faultsOf(SiteSchema, { name: 'hq', shapes })).toHaveLength(8);
  });

  test('lets nothing pass by a keyword that it does not follow', () => {
    const properties = { name: NameSchema };
    const schema = { type: 'object', properties, patternProperties: { '^x-': NameSchema } };
    expect(faultsOf(schema, { name: 'hq', 'x-site': 'hq' })).toEqual([]);
    expect(faultsOf(schema, { name: 'hq', 'x-site': 'H Q' })).toHaveLength(1);
  });

  test('finds a fault in everything that is not valid, and none in what is', () => {
    fc.assert(
      fc.property(nearlySite(), (value) => {
        expect(faultsOf(SiteSchema, value).length === 0).toBe(isSite(value));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('parseWith()', () => {
  test('gives the value, or the first fault in one sentence', () => {
    expect(parseWith(NameSchema, 'hq')).toEqual({ ok: true, value: 'hq' });
    expect(parseWith(SiteSchema, {})).toEqual({ ok: false, message: '/name: is required' });
    expect(parseWith(NameSchema, 'H Q')).toMatchObject({
      ok: false,
      message: expect.stringMatching(/^"H Q" is not a name/),
    });
  });
});

describe('the refined schemas', () => {
  test.each([
    ['AddressSchema', AddressSchema, '10.1.0.1', '10.1.0.1/32'],
    ['PrefixSchema', PrefixSchema, '::ffff:10.0.0.0/104', '10.1.0.0'],
    ['OperatorPrefixSchema', OperatorPrefixSchema, '10.0.0.0/8', '::ffff:10.0.0.0/104'],
    ['PublicKeySchema', PublicKeySchema, `${'x'.repeat(42)}A=`, `${'x'.repeat(42)}B=`],
    ['EndpointSchema', EndpointSchema, '[::1]:1', '::1:1'],
    ['NameSchema', NameSchema, 'hq', 'Hq'],
  ])('%s takes "%s" and not "%s" (nor another type)', (_, schema, good, bad) => {
    expect(faultsOf(schema, good)).toEqual([]);
    for (const wrong of [bad, null, 7, [good], {}, undefined, `${good}${' '.repeat(200)}`]) {
      expect(faultsOf(schema, wrong)).not.toEqual([]);
    }
  });

  test('are documented as plain JSON Schema', () => {
    const documented: unknown = JSON.parse(JSON.stringify(PrefixSchema));
    expect(documented).toMatchObject({ type: 'string', format: 'ip-prefix', maxLength: 128 });
  });
});

function nearlySite(): fc.Arbitrary<unknown> {
  const prefix = fc.constantFrom('10.1.0.0/16', '10.1.0.1/16', 7);
  const site = fc.record(
    {
      name: fc.constantFrom('hq', 'branch', 'H Q', null),
      prefixes: fc.oneof(fc.array(prefix, { maxLength: 4 }), fc.constant('10.1.0.0/16')),
      endpoint: fc.constantFrom('198.51.100.1:51820', 'hq', null),
      extra: fc.constant(1),
    },
    { requiredKeys: [] },
  );
  return fc.oneof(site, site, site, fc.jsonValue());
}

/** The rules of `nearlySite()` once more, by hand. */
function isSite(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const site = new Map<string, unknown>(Object.entries(value));
  const prefixes = site.get('prefixes') ?? [];
  return (
    [...site.keys()].every((name) => ['name', 'prefixes', 'endpoint'].includes(name)) &&
    (site.get('name') === 'hq' || site.get('name') === 'branch') &&
    Array.isArray(prefixes) &&
    prefixes.length <= 3 &&
    prefixes.every((prefix) => prefix === '10.1.0.0/16') &&
    site.get('endpoint') !== 'hq'
  );
}
