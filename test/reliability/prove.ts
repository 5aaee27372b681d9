/**
 * Binds a test to its row of the fault list, by whose id it can be run alone.
 *
 * @module
 */
import { test } from 'vitest';
import { type Row, rowOf } from './rows.ts';

export function prove(id: Row['id'], body: () => Promise<void>): void {
  test(`${id} ${rowOf(id).fault}`, body);
}
