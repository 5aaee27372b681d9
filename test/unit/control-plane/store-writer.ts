/**
 * A process that makes networks in the database named by its argument, one after another, and
 * tells its parent the sequence of each that was answered, until it is killed.
 *
 * @module
 */
import { createNetwork } from '../../../control-plane/model/change-network.ts';
import { Store } from '../../../control-plane/store/store.ts';
import { prefix } from '../../../protocol/net.ts';
import { name, World } from './world.ts';

const store = await Store.open({ path: process.argv[2] ?? '', newEpoch: () => 'epoch1' });
const { context } = new World();
const overlayPrefixes = [prefix('10.0.0.0/16')];
for (let number = 1; number <= 10_000; number++) {
  const input = { name: name(`network-${number}`), overlayPrefixes };
  const outcome = await store.change((snapshot) => createNetwork(snapshot, input, context));
  if (outcome.kind === 'done') process.send?.(outcome.snapshot.sequence);
}
