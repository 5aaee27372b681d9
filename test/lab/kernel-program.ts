/**
 * The real kernel adapters as a program, so that a test can put them into a network namespace
 * of its own: one JSON request a line on standard input, one JSON answer a line on standard
 * output. Ends with its input.
 *
 * @module
 */
import { createInterface } from 'node:readline';
import { createKernel } from '../../agent/kernel/kernel.ts';
import { hasKernelLinkKind } from '../../agent/kernel/link.ts';
import { startMonitor } from '../../agent/kernel/monitor.ts';
import { Netlink } from '../../agent/kernel/netlink.ts';
import { checkPreconditions } from '../../agent/kernel/preconditions.ts';
import type { Operation } from '../../agent/state.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { Secret } from '../../protocol/secret.ts';

export type Question =
  | { readonly ask: 'observe'; readonly sysctls: readonly string[] }
  | { readonly ask: 'apply'; readonly operations: readonly Operation[] }
  | { readonly ask: 'learn-key'; readonly publicKey: PublicKey; readonly privateKey: string }
  | { readonly ask: 'pid' }
  | { readonly ask: 'preconditions' }
  | { readonly ask: 'has-kind'; readonly linkKind: string }
  /** Starts to count the wakes of the monitor; asked again, says how many there were. */
  | { readonly ask: 'wakes' };

const privateKeys = new Map<PublicKey, Secret>();
const kernel = createKernel({
  privateKeyOf: (publicKey) => privateKeys.get(publicKey) ?? new Secret(''),
  nowSeconds: () => Date.now() / 1000,
});
let wakes: number | undefined;

for await (const line of createInterface(process.stdin)) {
  const answer = await answerTo(JSON.parse(line) as Question) // the test writes them
    .then((value) => ({ value }))
    .catch((error: Error) => ({ error: `${error.name}: ${error.message}` }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(); // the monitor's children would keep it alive

async function answerTo(question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'observe': {
      const observed = await kernel.observe(question);
      return { ...observed, sysctls: Object.fromEntries(observed.sysctls) };
    }
    case 'apply':
      return await kernel.apply(question.operations);
    case 'learn-key':
      privateKeys.set(question.publicKey, new Secret(question.privateKey));
      return undefined;
    case 'pid':
      return process.pid;
    case 'preconditions':
      return await checkPreconditions();
    case 'has-kind':
      return await hasKernelLinkKind(new Netlink(), question.linkKind);
    case 'wakes':
      if (wakes === undefined) {
        wakes = 0;
        startMonitor({ wake: () => void wakes!++, onExit: () => {} });
      }
      return wakes;
  }
}
