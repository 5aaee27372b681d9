import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileConnector } from '../../../control-plane/model/compile.ts';
import { isLiving } from '../../../control-plane/model/snapshot.ts';
import type { Decision, Snapshot } from '../../../control-plane/model/types.ts';
import type { Outcome, SnapshotListener } from '../../../control-plane/store/store.ts';
import { Hub } from '../../../control-plane/stream/hub.ts';
import type { Session } from '../../../control-plane/stream/session.ts';
import type { Configuration } from '../../../protocol/configuration.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { loggerTo } from '../../fakes/control-plane.ts';
import { FakeTransport } from '../../fakes/transport.ts';
import { crowded, randomChanges } from '../control-plane/random-changes.ts';
import { next, type World } from '../control-plane/world.ts';

// The world of this test: three crowded networks, of which anything may change. After each
// change some agents come (with what they held) and some go.

test('whatever changes, every connected agent holds its configuration and hears no more', () => {
  fc.assert(
    fc.property(
      randomChanges(40),
      fc.array(fc.nat({ max: 5 }), { minLength: 50, maxLength: 50 }),
      (changes, moves) => {
        const world = crowded();
        const agents = new Agents(world);
        for (const [index, { decide }] of changes.entries()) {
          const decision = decide(world.snapshot, world.context);
          if (decision.kind === 'change') agents.follow(decision);
          agents.move(moves[index] ?? 0);
          agents.expectUpToDate();
        }
      },
    ),
    { numRuns: 150 },
  );
});

type Agent = { session: Session; transport: FakeTransport };

/** Every agent there is, by connector; keeps what one held while it is away. */
class Agents {
  readonly #world: World;
  readonly #hub: Hub;
  readonly #listeners = new Set<SnapshotListener>();
  readonly #connected = new Map<string, Agent>();
  readonly #held = new Map<string, Configuration>();

  constructor(world: World) {
    this.#world = world;
    this.#hub = new Hub({
      store: {
        snapshot: () => world.snapshot,
        change: <R>(_: (snapshot: Snapshot) => Decision<R>): Promise<Outcome<R>> => {
          throw new RangeError('loopback is not observed');
        },
        subscribe: (listener) => {
          this.#listeners.add(listener);
          return () => this.#listeners.delete(listener);
        },
      },
      authority: { issueAgent: async () => '', certificatePem: '' },
      logger: loggerTo([]),
      clock: new FakeClock(0),
    });
  }

  follow(decision: Extract<Decision<unknown>, { kind: 'change' }>): void {
    const previous = this.#world.snapshot;
    const held = new Map(
      [...this.#connected].map(([id, { transport }]) => [id, transport.configuration]),
    );
    this.#world.snapshot = next(previous, decision);
    for (const listener of this.#listeners) listener(this.#world.snapshot, previous);
    for (const [id, { transport }] of this.#connected) {
      const messages = transport.take();
      if (transport.closed !== undefined) {
        expect(messages).toEqual([{ type: 'removed' }]);
        this.#connected.delete(id);
        this.#held.delete(id);
      } else if (transport.configuration?.digest === held.get(id)?.digest) {
        expect(messages).toEqual([]);
      } else {
        expect(messages.map(({ type }) => type)).toEqual(['delta']);
      }
    }
  }

  /** Each living connector's agent comes or goes, by the number. */
  move(seed: number): void {
    const living = [...this.#world.snapshot.connectors.values()].filter(isLiving);
    for (const [index, { id }] of living.entries()) {
      if ((index + seed) % 3 !== 0) continue;
      const agent = this.#connected.get(id);
      if (agent === undefined) this.#connect(id);
      else this.#disconnect(id, agent);
    }
  }

  expectUpToDate(): void {
    for (const [id, { transport }] of this.#connected) {
      const wanted = compileConnector(this.#world.snapshot, id);
      expect(new Map(transport.configuration?.entries)).toEqual(wanted.entries);
      expect(transport.configuration?.digest).toBe(wanted.digest);
    }
  }

  #connect(connectorId: string): void {
    const transport = new FakeTransport();
    transport.configuration = this.#held.get(connectorId);
    const session = this.#hub.open({ connectorId, remoteAddress: '127.0.0.1', transport });
    const held = transport.configuration && {
      epoch: transport.configuration.epoch,
      revision: transport.configuration.revision,
      digest: transport.configuration.digest,
    };
    const hello = { type: 'hello', protocolVersion: 1, agentVersion: '0.1.0', held };
    session.receive(JSON.stringify(hello));
    expect(transport.take()).toHaveLength(1);
    this.#connected.set(connectorId, { session, transport });
  }

  #disconnect(connectorId: string, { session, transport }: Agent): void {
    session.closed();
    if (transport.configuration !== undefined) {
      this.#held.set(connectorId, transport.configuration);
    }
    this.#connected.delete(connectorId);
  }
}
