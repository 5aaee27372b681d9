/**
 * A typed client of the REST API. How a request travels is passed in: over HTTPS
 * (`https-request.ts`), or into a control plane of the same process.
 *
 * Answers are not checked against their schemas: the control plane is known by its authority
 * and writes them by the same schemas, and one that is newer may say more.
 *
 * @module
 */
import { type ProblemDocument, problemDocument } from '../protocol/problem.ts';
import {
  API_PREFIX,
  type ConnectorResource,
  type EnrollmentTokenCreated,
  type EnrollmentTokenResource,
  type LookupResource,
  type NetworkResource,
  type RouteResource,
  type SiteResource,
  type StatusResource,
} from '../protocol/rest.ts';

export type ApiRequest = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With query: `/v1/sites?network=office`. */
  readonly path: string;
  readonly body?: object;
};

export type ApiAnswer = { readonly status: number; readonly body: string };

/** Carries one request there and the answer back. @throws {UnreachableError} */
export type Request = (request: ApiRequest) => Promise<ApiAnswer>;

/** The collections of the API and what they hold. */
export type Collections = {
  readonly networks: NetworkResource;
  readonly sites: SiteResource;
  readonly connectors: ConnectorResource;
  readonly routes: RouteResource;
  readonly 'enrollment-tokens': EnrollmentTokenResource;
};

export type Collection = keyof Collections;

/** Parameters of a query; those that are undefined are left out. */
export type Query = Readonly<Record<string, string | undefined>>;

/** The control plane refused. */
export class RefusedError extends Error {
  readonly document: ProblemDocument;

  constructor(document: ProblemDocument) {
    super(document.detail);
    this.name = 'RefusedError';
    this.document = document;
  }
}

/** There was no answer, or none that a control plane gives. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

export class Client {
  readonly #request: Request;

  constructor(request: Request) {
    this.#request = request;
  }

  /** Every object that fits the filter, page after page. */
  async list<C extends Collection>(collection: C, filter: Query = {}): Promise<Collections[C][]> {
    const items: Collections[C][] = [];
    let cursor: string | undefined;
    do {
      const page: Page<Collections[C]> = await this.#send({
        method: 'GET',
        path: pathOf(collection, undefined, { ...filter, cursor }),
      });
      items.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return items;
  }

  /** @param reference an id; or a name (of a route: the prefix), in the scope's network if any */
  show<C extends Collection>(
    collection: C,
    reference: string,
    scope: Query = {},
  ): Promise<Collections[C]> {
    return this.#send({ method: 'GET', path: pathOf(collection, reference, scope) });
  }

  create(collection: 'enrollment-tokens', body: object): Promise<EnrollmentTokenCreated>;
  create<C extends Collection>(collection: C, body: object): Promise<Collections[C]>;
  create(collection: Collection, body: object): Promise<object> {
    return this.#send({ method: 'POST', path: pathOf(collection), body });
  }

  update<C extends Collection>(
    collection: C,
    reference: string,
    { body, scope = {} }: { readonly body: object; readonly scope?: Query },
  ): Promise<Collections[C]> {
    return this.#send({ method: 'PATCH', path: pathOf(collection, reference, scope), body });
  }

  async delete(collection: Collection, reference: string, scope: Query = {}): Promise<void> {
    await this.#send({ method: 'DELETE', path: pathOf(collection, reference, scope) });
  }

  lookup(address: string): Promise<LookupResource> {
    return this.#send({ method: 'GET', path: `${API_PREFIX}/lookup${queryOf({ address })}` });
  }

  status(): Promise<StatusResource> {
    return this.#send({ method: 'GET', path: `${API_PREFIX}/status` });
  }

  /** @throws {RefusedError} */
  async #send<T>(request: ApiRequest): Promise<T> {
    const { status, body } = await this.#request(request);
    const value = status === 204 ? undefined : parseJson(body);
    if (status >= 200 && status < 300 && (status === 204 || value !== undefined)) {
      return value as T; // see the module comment
    }
    if (isProblemDocument(value)) throw new RefusedError(value);
    throw new UnreachableError(
      `Cannot use the answer to ${request.method} ${request.path}: status ${status} and no ` +
        'problem document; expected a control plane behind the URL of the configuration',
    );
  }
}

type Page<T> = { readonly items: readonly T[]; readonly nextCursor: string | null };

function pathOf(collection: Collection, reference?: string, query: Query = {}): string {
  const object = reference === undefined ? '' : `/${encodeURIComponent(reference)}`;
  return `${API_PREFIX}/${collection}${object}${queryOf(query)}`;
}

function queryOf(query: Query): string {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) said.set(name, value);
  }
  return said.size === 0 ? '' : `?${said}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The members that are printed; the code may be one that this program does not know yet. */
function isProblemDocument(value: unknown): value is ProblemDocument {
  if (typeof value !== 'object' || value === null) return false;
  const known: Readonly<Record<string, unknown>> = problemDocument({
    code: 'internal',
    detail: '',
  });
  const members = new Map<string, unknown>(Object.entries(value));
  return Object.entries(known).every(
    ([name, sample]) => typeof members.get(name) === typeof sample,
  );
}
