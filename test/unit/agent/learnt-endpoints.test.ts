import { describe, expect, test } from 'vitest';
import { desire, SYSCTL_INTEREST } from '../../../agent/desire.ts';
import { type LearntEndpoints, learnEndpoints } from '../../../agent/learnt-endpoints.ts';
import { reconcile } from '../../../agent/reconcile.ts';
import type { Endpoint } from '../../../protocol/endpoint.ts';
import type { PublicKey } from '../../../protocol/keys.ts';
import type { FakeKernel } from '../../fakes/kernel.ts';
import { gateway } from './changing-world.ts';
import { BRANCH, BRANCH_KEY, configuration, PLANT_KEY, SETTINGS } from './world.ts';

/** Where plant's NAT lets it out. */
const NAT = '203.0.113.77:41641' as Endpoint;

describe('learnEndpoints()', () => {
  test('keeps a peer behind NAT reachable when its device is made again', async () => {
    for (const mishap of [
      (kernel: FakeKernel) => kernel.deleteLink('culvert0'),
      (kernel: FakeKernel) => kernel.die('culvert0'),
    ]) {
      const host = new Host();
      await host.pass(0);
      host.kernel.hear('culvert0', PLANT_KEY, { endpoint: NAT, ageSeconds: 10 });
      await host.pass(1);

      mishap(host.kernel);
      await host.pass(2);

      expect(await host.endpointOf(PLANT_KEY)).toBe(NAT);
    }
  });

  test('prefers where a peer was heard to where the configuration says, while it counts', async () => {
    const host = new Host();
    await host.pass(0);
    host.kernel.hear('culvert0', BRANCH_KEY, { endpoint: NAT, ageSeconds: 100 });
    await host.pass(0);
    host.kernel.deleteLink('culvert0');

    await host.pass(79);
    expect(await host.endpointOf(BRANCH_KEY)).toBe(NAT);
    // 180 s after the handshake nobody has answered there: back to what an operator said.
    await host.pass(80);
    expect(await host.endpointOf(BRANCH_KEY)).toBe(BRANCH.endpoint);
  });

  test('leaves a peer that never had a session where the configuration says', async () => {
    const host = new Host();
    await host.pass(0);
    host.kernel.deleteLink('culvert0');
    await host.pass(1);
    expect(await host.endpointOf(BRANCH_KEY)).toBe(BRANCH.endpoint);
    expect(await host.endpointOf(PLANT_KEY)).toBeUndefined();
  });

  test('knows nothing of a session that has died, and forgets who was not heard again', () => {
    const peer = { publicKey: PLANT_KEY, allowedIps: [], keepaliveSeconds: 0, endpoint: NAT };
    const traffic = { receivedBytes: 0, sentBytes: 0 };
    const seen = (handshakeAgeSeconds: number) => ({
      ...NOBODY,
      devices: [
        {
          link: 'culvert0',
          listenPort: 1,
          peers: [{ ...peer, ...traffic, handshakeAgeSeconds }],
        },
      ],
    });
    expect(learnEndpoints(new Map(), seen(180), 0).size).toBe(0);
    const known = learnEndpoints(new Map(), seen(30), 0);
    expect(learnEndpoints(known, NOBODY, 149_999).get(PLANT_KEY)?.endpoint).toBe(NAT);
    expect(learnEndpoints(known, NOBODY, 150_000).size).toBe(0);
  });
});

const NOBODY = {
  wireGuard: 'userspace' as const,
  links: [],
  addresses: [],
  devices: [],
  routes: [],
  sysctls: new Map(),
};

/** A gateway whose memory lasts from pass to pass. */
class Host {
  readonly kernel = gateway();
  #known: LearntEndpoints = new Map();

  async pass(seconds: number): Promise<void> {
    const { isApplied } = await reconcile({
      kernel: this.kernel,
      sysctls: SYSCTL_INTEREST,
      wish: (observed) => {
        this.#known = learnEndpoints(this.#known, observed, seconds * 1000);
        const learntEndpoints = this.#known;
        return desire({
          configuration: configuration(),
          local: SETTINGS,
          observed,
          learntEndpoints,
        });
      },
    });
    expect(isApplied).toBe(true);
  }

  async endpointOf(publicKey: PublicKey): Promise<Endpoint | undefined> {
    const { devices } = await this.kernel.observe({ sysctls: [] });
    return devices[0]?.peers.find((peer) => peer.publicKey === publicKey)?.endpoint;
  }
}
