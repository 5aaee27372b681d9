/**
 * Runs inside a machine of the lab: puts routes into its main table through the agent's own
 * adapter, prints the milliseconds it took, and what is there afterwards. Once before it does
 * so unmeasured, because an agent has been running for long when routes come.
 *
 * @module
 */
import { createKernel } from '../agent/kernel/kernel.ts';
import { type DesiredRoute, ROUTE_METRIC, ROUTE_PROTOCOL } from '../agent/state.ts';
import { prefix } from '../protocol/net.ts';

const [link = '', count = ''] = process.argv.slice(2);

const kernel = createKernel({
  nowSeconds: () => 0,
  privateKeyOf: () => {
    throw new RangeError('no device is given a key here');
  },
});
const operations = Array.from({ length: Number(count) }, (_, number) => {
  const text = `10.${100 + (number >> 8)}.${number & 255}.0/24`;
  const route: DesiredRoute = { kind: 'device', prefix: prefix(text), link, metric: ROUTE_METRIC };
  return { kind: 'replace-route', route } as const;
});
await kernel.apply(operations);
await kernel.apply(operations.map(({ route }) => ({ kind: 'remove-route', route })));
const begin = performance.now();
const failures = await kernel.apply(operations);
const milliseconds = performance.now() - begin;
const { routes } = await kernel.observe({ sysctls: [] });
const present = routes.filter((route) => route.protocol === ROUTE_PROTOCOL).length;
kernel.close();
process.stdout.write(JSON.stringify({ milliseconds, failures: failures.length, present }));
