/**
 * Holds a configuration that takes most of the mesh away at once: that is what a control plane
 * says that has lost its data. Pure.
 *
 * Only for whole configurations. A delta says what is taken away from what the agent holds,
 * so whoever sends it knew what there was (docs/decisions/0007-shrink-guard.md).
 *
 * @module
 */
import type { Configuration, Entry } from '../protocol/configuration.ts';

/** Fewer than so many go without a question: in a small mesh half of it is little. */
const FLOOR = 4;

/** What `next` would take away, in words; undefined when that is no reason to ask. */
export function whyTooSmall(held: Configuration, next: Configuration): string | undefined {
  const losses = (['peer', 'route'] as const).flatMap((kind) => {
    const before = [...held.entries].filter(([, entry]: [string, Entry]) => entry.kind === kind);
    const gone = before.filter(([key]) => !next.entries.has(key)).length;
    return gone >= FLOOR && gone * 2 > before.length
      ? [`${gone} of ${before.length} ${kind}s`]
      : [];
  });
  return losses.length === 0 ? undefined : `it takes away ${losses.join(' and ')}`;
}
