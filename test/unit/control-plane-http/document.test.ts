import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCESS } from '../../../control-plane/http/access.ts';
import { NAMED_SCHEMAS, type SchemaName } from '../../../control-plane/http/document.ts';
import { EXAMPLES } from '../../../control-plane/http/examples.ts';
import { isProblemCode, PROBLEMS } from '../../../protocol/problem.ts';
import { faultsOf } from '../../../protocol/schema.ts';
import { TestControlPlane } from '../../fakes/control-plane.ts';

// The world of these tests: the document of a control plane without anything in it.
let world: TestControlPlane;
let document: Document;

type Document = {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
};
type Operation = {
  operationId?: string;
  summary?: string;
  tags?: string[];
  security?: object[];
  responses: Record<
    string,
    { description: string; content?: Record<string, { examples?: Record<string, unknown> }> }
  >;
};

beforeAll(async () => {
  world = await TestControlPlane.open();
  document = (await world.request('GET /v1/openapi.json')).body;
});

afterAll(() => world.close());

describe('GET /v1/openapi.json', () => {
  test('describes every route of the access table and nothing else', () => {
    expect(document.openapi).toBe('3.1.0');
    const described = operations().map(({ route }) => route);
    expect(described.sort()).toEqual(
      Object.keys(ACCESS)
        .map((route) => route.replace(':ref', '{ref}'))
        .sort(),
    );
  });

  test('gives each operation an id of its own, words and its access', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { route, operation } of operations()) {
      expect(operation.operationId, route).toMatch(/^[a-z]+[A-Za-z]*$/);
      expect(operation.summary, route).toMatch(/^[A-Z]/);
      expect(operation.tags, route).toHaveLength(1);
      const isPublic = ACCESS[route.replace('{ref}', ':ref')] === 'public';
      expect(operation.security, route).toEqual(isPublic ? [] : undefined);
    }
  });

  test('lists each refusal under the status of its code', () => {
    for (const { route, operation } of operations()) {
      for (const [status, { content }] of Object.entries(operation.responses)) {
        const codes = Object.keys(content?.['application/problem+json']?.examples ?? {});
        expect(codes.length > 0, `${route} ${status}`).toBe(Number(status) >= 400);
        for (const code of codes) {
          expect(isProblemCode(code) && PROBLEMS[code].status, route).toBe(Number(status));
        }
      }
    }
  });

  test('refers only to schemas that are there', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(50);
    for (const [, reference = ''] of references) {
      expect(Object.keys(document.components.schemas).map(toReference)).toContain(reference);
    }
  });
});

describe('EXAMPLES', () => {
  const secrets = { token: /…/, secret: /…/ };

  test.each(Object.keys(NAMED_SCHEMAS) as SchemaName[])('fits the schema %s', (name) => {
    expect(faultsOf(NAMED_SCHEMAS[name], EXAMPLES[name])).toEqual([]);
  });

  test('shows no real secret', () => {
    expect(EXAMPLES.ApiTokenCreated).toMatchObject({
      secret: expect.stringMatching(secrets.secret),
    });
    expect(EXAMPLES.EnrollmentTokenCreated).toMatchObject({
      token: expect.stringMatching(secrets.token),
    });
  });
});

function operations(): { route: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      route: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
}

function toReference(name: string): string {
  return `#/components/schemas/${name}`;
}
