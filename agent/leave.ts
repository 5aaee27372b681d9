/**
 * Puts the host back as it was before it became a connector: everything that carries our
 * mark is removed, and the kernel settings of before return.
 *
 * @module
 */
import { NOTHING, SYSCTL_INTEREST } from './desire.ts';
import { explain } from './explain.ts';
import { reconcile } from './reconcile.ts';
import type { Kernel } from './state.ts';
import type { SysctlJournal } from './sysctl-journal.ts';

/** @returns what could not be put back, one line each; empty when all is as before */
export async function restoreHost(kernel: Kernel, journal: SysctlJournal): Promise<string[]> {
  const outcome = await reconcile({
    kernel,
    sysctls: SYSCTL_INTEREST,
    wish: () => ({ desired: NOTHING, held: [] }),
  });
  const failed = outcome.failures.map(
    ({ operation, reason }) => `${explain(operation, (publicKey) => publicKey)}: ${reason}`,
  );
  return [...failed, ...(await journal.restore(kernel, SYSCTL_INTEREST))];
}
