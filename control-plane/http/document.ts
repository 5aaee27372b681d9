/**
 * The OpenAPI document's frame: what the API is, how one authenticates, and the schemas that
 * have a name. The operations come from the routes.
 *
 * @module
 */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import * as rest from '../../protocol/rest.ts';
import type { TSchema } from '../../protocol/schema.ts';
import { VERSION } from '../../protocol/version.ts';

import { EXAMPLES } from './examples.ts';
import { ProblemSchema } from './problems.ts';

/** Schemas that stand in `components`, and are referred to wherever they are used. */
export const NAMED_SCHEMAS = {
  Reference: rest.ReferenceSchema,
  Network: rest.NetworkSchema,
  NetworkCreate: rest.NetworkCreateSchema,
  NetworkUpdate: rest.NetworkUpdateSchema,
  Site: rest.SiteSchema,
  SiteCreate: rest.SiteCreateSchema,
  SiteUpdate: rest.SiteUpdateSchema,
  Connector: rest.ConnectorSchema,
  ConnectorUpdate: rest.ConnectorUpdateSchema,
  Route: rest.RouteSchema,
  RouteCreate: rest.RouteCreateSchema,
  RouteUpdate: rest.RouteUpdateSchema,
  EnrollmentToken: rest.EnrollmentTokenSchema,
  EnrollmentTokenCreate: rest.EnrollmentTokenCreateSchema,
  EnrollmentTokenCreated: rest.EnrollmentTokenCreatedSchema,
  ApiToken: rest.ApiTokenSchema,
  ApiTokenCreate: rest.ApiTokenCreateSchema,
  ApiTokenCreated: rest.ApiTokenCreatedSchema,
  Lookup: rest.LookupSchema,
  Status: rest.StatusSchema,
  Problem: ProblemSchema,
} as const satisfies Record<string, TSchema>;

export type SchemaName = keyof typeof NAMED_SCHEMAS;

const STATUS_WORDS: Readonly<Record<string, string>> = {
  200: 'As asked',
  201: 'Created; the header Location names it',
  204: 'Done',
};

export const DOCUMENT: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Culvert',
      version: VERSION,
      summary: 'The REST API of the control plane',
      description:
        'A reference in a path or a body is an id, or a name that fits one object only. ' +
        'Every refusal is a problem document (RFC 9457) with a stable `code`; where one field ' +
        'is at fault `field` points to it.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ token: [] }],
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The secret of an API token' },
      },
    },
  },
  transformObject: (given) => {
    if (!('openapiObject' in given)) throw new RangeError('expected OpenAPI, not Swagger');
    return nameSchemas(given.openapiObject as Document) as typeof given.openapiObject;
  },
};

type Document = {
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, object>;
};
type Operation = { responses: Record<string, { description: string }> };

/** Puts a reference wherever a schema with a name stands in full. */
function nameSchemas(document: Document): object {
  for (const path of Object.values(document.paths)) {
    for (const { responses } of Object.values(path)) {
      for (const [status, response] of Object.entries(responses)) {
        response.description = STATUS_WORDS[status] ?? response.description;
      }
    }
  }
  const nameOf = new Map(
    Object.entries(NAMED_SCHEMAS).map(([name, schema]) => [JSON.stringify(schema), name]),
  );
  const refer = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    const name = nameOf.get(JSON.stringify(value));
    return name === undefined ? referInside(value) : { $ref: `#/components/schemas/${name}` };
  };
  const referInside = (value: object): unknown =>
    Array.isArray(value)
      ? value.map(refer)
      : Object.fromEntries(Object.entries(value).map(([key, member]) => [key, refer(member)]));
  const schemas = Object.fromEntries(
    Object.entries(NAMED_SCHEMAS).map(([name, schema]) => [
      name,
      { ...(referInside(schema) as object), examples: [EXAMPLES[name as SchemaName]] },
    ]),
  );
  const { paths, components, ...frame } = document;
  return { ...frame, paths: referInside(paths), components: { ...components, schemas } };
}
