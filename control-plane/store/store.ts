import type { Problem } from '../../protocol/problem.ts';
import type { Decision, Snapshot } from '../model/types.ts';

/** What became of a change. */
export type Outcome<R> =
  | { readonly kind: 'done'; readonly result: R; readonly snapshot: Snapshot }
  | { readonly kind: 'refuse'; readonly problem: Problem };

export type SnapshotListener = (snapshot: Snapshot, previous: Snapshot) => void;

export type StoreLogger = {
  readonly error: (fields: Readonly<Record<string, unknown>>, message: string) => void;
};

export type StoreOptions = {
  /** The SQLite file; its folder must be there. */
  readonly path: string;
  /** Called once in the life of a database. */
  readonly newEpoch: () => string;
  readonly logger?: StoreLogger;
};

export class Store {
  static open(_options: StoreOptions): Promise<Store> {
    throw new RangeError('not written');
  }

  snapshot(): Snapshot {
    throw new RangeError('not written');
  }

  change<R>(_decide: (snapshot: Snapshot) => Decision<R>): Promise<Outcome<R>> {
    throw new RangeError('not written');
  }

  subscribe(_listener: SnapshotListener): () => void {
    throw new RangeError('not written');
  }

  close(): Promise<void> {
    throw new RangeError('not written');
  }
}
