/**
 * What the routes of the REST API work with, and the steps that most of them take: find the
 * object a path means, commit a change, answer a list.
 *
 * @module
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { type FastifyReply, fastify } from 'fastify';
import { type Problem, ProblemError, problem } from '../../protocol/problem.ts';
import { ReferenceTextSchema } from '../../protocol/rest.ts';
import { Type } from '../../protocol/schema.ts';
import { changeContext, type RandomBytes } from '../change-context.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { type Resolved, resolve } from '../model/reference.ts';
import type { ChangeContext, Decision, Snapshot, TableName, Tables } from '../model/types.ts';
import type { Store } from '../store/store.ts';
import type { Hub } from '../stream/hub.ts';
import { sendProblem } from './problems.ts';

export type ApiOptions = {
  readonly store: Pick<Store, 'snapshot' | 'change'>;
  readonly hub: Pick<Hub, 'statusOf'>;
  /** Stands in join tokens. */
  readonly authorityFingerprint: string;
  /** Where agents reach the control plane; stand in join tokens. */
  readonly agentsUrls: readonly string[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
};

const MAX_BODY_BYTES = 256 * 1024;

/** The framework, without anything on it. Listens nowhere: `serve.ts` brings requests in. */
export function makeFramework() {
  return fastify({
    bodyLimit: MAX_BODY_BYTES,
    routerOptions: { caseSensitive: true },
    // A stopping server answers what it has begun; `serve.ts` accepts no more.
    return503OnClosing: false,
    // A URL that cannot be decoded is refused before any route or hook.
    frameworkErrors: (_, request, reply) => {
      const detail = `"${request.url}" cannot be decoded; expected what RFC 3986 §2.1 allows`;
      return sendProblem(reply as FastifyReply, problem('invalid-request', detail));
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
}

export type Api = ReturnType<typeof makeFramework>;

export const closed = { additionalProperties: false } as const;

export const ParamsSchema = Type.Object({ ref: ReferenceTextSchema }, closed);

/** Filters of a list of what belongs to a network. */
export const NETWORK_FILTER = { network: Type.Optional(referenceTo('network')) };

/** Filters of a list of what belongs to a site. */
export const SITE_FILTER = { ...NETWORK_FILTER, site: Type.Optional(referenceTo('site')) };

/** Says which network a name is meant in, where names are unique in a network only. */
export const ScopeSchema = Type.Object(NETWORK_FILTER, closed);

/** Commits what `decide` decides. @throws {ProblemError} when it refuses */
export async function commit<R>(
  { store, clock, randomBytes }: ApiOptions,
  decide: (snapshot: Snapshot, context: ChangeContext) => Decision<R>,
): Promise<{ readonly result: R; readonly snapshot: Snapshot }> {
  const outcome = await store.change((snapshot) =>
    decide(snapshot, changeContext(clock, randomBytes)),
  );
  return unwrap(outcome);
}

/** The object that a path means. */
export function locate<T extends TableName>(
  snapshot: Snapshot,
  table: T,
  { ref, network }: { readonly ref: string; readonly network?: string | undefined },
): Resolved<T> {
  if (network === undefined) return resolve(snapshot, table, ref);
  const scope = resolve(snapshot, 'networks', network, { field: '/network' });
  if (scope.kind === 'refuse') return scope;
  return resolve(snapshot, table, ref, { networkId: scope.row.id });
}

/** {@link locate} for those who only read. @throws {ProblemError} when there is none */
export function find<T extends TableName>(
  snapshot: Snapshot,
  table: T,
  reference: { readonly ref: string; readonly network?: string | undefined },
): Tables[T] {
  return unwrap(locate(snapshot, table, reference)).row;
}

/** Ids that the filters `network` and `site` of a list mean; undefined: any. */
export function scopeOf(
  snapshot: Snapshot,
  { network, site }: { readonly network?: string | undefined; readonly site?: string | undefined },
): { readonly networkId?: string; readonly siteId?: string } {
  if (network === undefined && site === undefined) return {};
  const networkId =
    network === undefined
      ? undefined
      : unwrap(resolve(snapshot, 'networks', network, { field: '/network' })).row.id;
  const inNetwork = networkId === undefined ? {} : { networkId };
  if (site === undefined) return inNetwork;
  const found = unwrap(resolve(snapshot, 'sites', site, { field: '/site', ...inNetwork }));
  return { ...inNetwork, siteId: found.row.id };
}

/** In the order in which they were made; what was made at once, by id. */
export function byAge(
  a: { readonly createdAt: number; readonly id: string },
  b: { readonly createdAt: number; readonly id: string },
): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}

/** The answer of a collection; all of it is on one page. */
export function page<T>(items: T[]): { items: T[]; nextCursor: null } {
  return { items, nextCursor: null };
}

function referenceTo(noun: string) {
  return Type.String({ minLength: 1, maxLength: 63, description: `Id or name of the ${noun}` });
}

function unwrap<T extends { readonly kind: string }>(
  outcome: T | { readonly kind: 'refuse'; readonly problem: Problem },
): Exclude<T, { readonly kind: 'refuse' }> {
  if (outcome.kind === 'refuse' && 'problem' in outcome) throw new ProblemError(outcome.problem);
  return outcome as Exclude<T, { readonly kind: 'refuse' }>; // the other case has thrown
}
