/**
 * One agent a host. The lock is a name in the abstract socket namespace (unix(7)): it belongs
 * to the network namespace, as the interfaces and routes do that two agents would fight over,
 * and it ends with its process, however that ends.
 *
 * @module
 */
import { createServer } from 'node:net';

const NAME = '\0culvert-agent';

/** Somebody else is the agent of this host. */
export class HostLockedError extends Error {
  override readonly name = 'HostLockedError';
}

/**
 * @returns a function that gives the lock back
 * @throws {HostLockedError} when another agent of this host holds it
 */
export function lockHost(): Promise<() => void> {
  // Nothing is served: whoever connects is turned away.
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.on('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new HostLockedError('Cannot start: another culvert agent runs on this host')
          : error,
      );
    });
    server.listen(NAME, () => {
      server.unref();
      resolve(() => server.close());
    });
  });
}
