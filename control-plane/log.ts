/**
 * The control plane's log: pino, one JSON line an event on standard output, for journald. The
 * only door to pino on this side.
 *
 * @module
 */
import { pino } from 'pino';

/** The part of pino that the control plane uses, so that tests can pass a list. */
export type Logger = {
  /** State changed. */
  info(fields: object, message: string): void;
  /** Somebody should look; the message says what to do. */
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

export function createLogger(): Logger {
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime });
}
