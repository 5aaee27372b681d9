/**
 * The control plane without its sockets and files: the streams' hub, the door for agents that
 * join, and the REST API, over one store. `serve.ts` puts it on the network; scenarios use it
 * in process.
 *
 * @module
 */
import type { RandomBytes } from './change-context.ts';
import type { Clock } from './clock.ts';
import { createApi } from './http/api.ts';
import type { Api } from './http/context.ts';
import type { Logger } from './log.ts';
import type { Authority } from './pki/authority.ts';
import type { Settings } from './settings.ts';
import type { Store } from './store/store.ts';
import { Hub } from './stream/hub.ts';
import { JoinDoor } from './stream/join.ts';

export type ControlPlaneOptions = {
  readonly store: Store;
  readonly authority: Authority;
  readonly settings: Pick<Settings, 'agentsUrls'>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
};

export type ControlPlane = {
  /** Takes the streams of agents whose identity was proved. */
  readonly hub: Hub;
  /** Takes join requests. */
  readonly door: JoinDoor;
  /** Takes requests of operators: `api.inject()` in process, `api.routing()` from a server. */
  readonly api: Api;
  /** Says goodbye to every agent. The store is the caller's to close. */
  close(): Promise<void>;
};

export async function createControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const hub = new Hub(options);
  const door = new JoinDoor(options);
  const api = await createApi({
    ...options,
    hub,
    authorityFingerprint: options.authority.fingerprint,
    agentsUrls: options.settings.agentsUrls,
  });
  return {
    hub,
    door,
    api,
    close: async () => {
      hub.close();
      await api.close();
    },
  };
}
