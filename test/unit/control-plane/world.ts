/**
 * The world of the control plane's tests: network `corp` (overlay 100.96.0.0/16 and
 * fd00:c::/64) with the sites `hq` (10.1.0.0/16, fd00:1::/64) and `branch` (10.2.0.0/16) and
 * a connector at each, `hq-gw` and `branch-gw`; time stands still unless a test moves it.
 *
 * @module
 */

import { createEnrollmentToken } from '../../../control-plane/model/change-enrollment-token.ts';
import { createNetwork } from '../../../control-plane/model/change-network.ts';
import { createSite } from '../../../control-plane/model/change-site.ts';
import {
  type Joined,
  type JoinInput,
  joinConnector,
} from '../../../control-plane/model/join-connector.ts';
import { applyWrites, emptySnapshot } from '../../../control-plane/model/snapshot.ts';
import type {
  ChangeContext,
  Decision,
  EnrollmentToken,
  Snapshot,
} from '../../../control-plane/model/types.ts';
import type { PublicKey } from '../../../protocol/keys.ts';
import { parsePublicKey } from '../../../protocol/keys.ts';
import type { Name } from '../../../protocol/name.ts';
import { parseName } from '../../../protocol/name.ts';
import { prefix } from '../../../protocol/net.ts';
import { expectParsed } from '../../../protocol/parsed.ts';
import type { Problem } from '../../../protocol/problem.ts';

export type Decide<R> = (snapshot: Snapshot, context: ChangeContext) => Decision<R>;

export const NOON = Date.UTC(2026, 10, 21, 12);
export const HOUR = 3_600_000;

/** The store without a store: decisions one after another, in memory. */
export class World {
  snapshot = emptySnapshot('epoch1');
  readonly context: ChangeContext & { now: number } = { now: NOON, ...countedContext() };

  /** Carries a change out. @throws {Error} when it is refused */
  do<R>(decide: Decide<R>): R {
    const decision = decide(this.snapshot, this.context);
    if (decision.kind === 'refuse') throw new Error(JSON.stringify(decision.problem));
    this.snapshot = next(this.snapshot, decision);
    return decision.result;
  }

  /** The problem of a change that must be refused. @throws {Error} when it is not */
  refusal<R>(decide: Decide<R>): Problem {
    const decision = decide(this.snapshot, this.context);
    if (decision.kind !== 'refuse') throw new Error('the change was not refused');
    return decision.problem;
  }

  token(site: string, secret: string, maxUses = 1): EnrollmentToken {
    return this.do((snapshot, context) =>
      createEnrollmentToken(snapshot, { site, secretHash: `hash of ${secret}`, maxUses }, context),
    );
  }

  /** Makes a token for one use and joins with it. */
  join(site: string, connector: string): Joined {
    const secret = `${site}/${connector}`;
    this.token(site, secret);
    const input = joinInput({ secret, name: connector });
    return this.do((snapshot, context) => joinConnector(snapshot, input, context));
  }
}

export function next<R>(
  snapshot: Snapshot,
  decision: Extract<Decision<R>, { kind: 'change' }>,
): Snapshot {
  return applyWrites(snapshot, decision.writes, {
    revision: snapshot.revision + (decision.reachesAgents ? 1 : 0),
    sequence: snapshot.sequence + 1,
  });
}

export function corp(): World {
  const world = new World();
  world.do((snapshot, context) =>
    createNetwork(
      snapshot,
      { name: name('corp'), overlayPrefixes: [prefix('100.96.0.0/16'), prefix('fd00:c::/64')] },
      context,
    ),
  );
  for (const [site, ...prefixes] of [
    ['hq', '10.1.0.0/16', 'fd00:1::/64'],
    ['branch', '10.2.0.0/16'],
  ] as const) {
    const input = { network: 'corp', name: name(site), prefixes: prefixes.map(prefix) };
    world.do((snapshot, context) => createSite(snapshot, input, context));
    world.join(site, `${site}-gw`);
  }
  return world;
}

/** A join of the agent called `name`, whose keys follow from its name. */
export function joinInput({
  secret,
  name: connector,
  ...others
}: { secret: string; name: string } & Partial<Omit<JoinInput, 'secretHash' | 'name'>>): JoinInput {
  return {
    secretHash: `hash of ${secret}`,
    name: name(connector),
    publicKey: keyOfAgent(connector),
    identityFingerprint: `identity of ${connector}`,
    listenPort: 51_820,
    proposedPrefixes: [],
    ...others,
  };
}

export function name(text: string): Name {
  return expectParsed(parseName(text));
}

/** The WireGuard key of the agent of this name: the name itself, as far as base64 goes. */
export function keyOfAgent(agent: string): PublicKey {
  const text = agent.replaceAll(/[^a-zA-Z0-9]/g, '+').slice(0, 42);
  return expectParsed(parsePublicKey(`${text.padEnd(42, 'A')}A=`));
}

/** Ids and random bytes by counting: `net_00000000000000000001`. */
export function countedContext(): Pick<ChangeContext, 'newId' | 'randomBytes'> {
  let count = 0;
  return {
    newId: (kind) => `${kind}_${(++count).toString(36).padStart(20, '0')}`,
    randomBytes: (length) => Uint8Array.from({ length }, (_, index) => (++count + index) % 256),
  };
}
