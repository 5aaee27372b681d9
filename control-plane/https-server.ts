/**
 * Binding and closing an HTTPS server, in a way that ends.
 *
 * @module
 */
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Clock } from './clock.ts';
import type { Milliseconds } from './model/types.ts';

/** Where a listener binds. Port 0: the system chooses one. */
export type Listen = { readonly host: string; readonly port: number };

/** @returns the port. @throws {Error} when it cannot be had */
export async function listen(server: Server, { host, port }: Listen): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`Cannot listen on "${host}" port ${port}: ${cause.message}`, { cause })),
    );
    server.listen({ host, port }, resolve);
  });
  server.removeAllListeners('error');
  return (server.address() as AddressInfo).port; // bound to IP, so it is no pipe
}

/**
 * Accepts no more, lets what is under way end, and cuts what has not after the grace.
 * Harmless when the server never listened.
 */
export async function closeServer(
  server: Server,
  { clock, grace, cut }: { readonly clock: Clock; readonly grace: Milliseconds; cut?(): void },
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const cancel = clock.after(grace, () => {
    cut?.();
    server.closeAllConnections();
  });
  await closed;
  cancel();
}
