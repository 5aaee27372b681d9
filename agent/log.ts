/**
 * The agent's log: pino, one JSON line an event on standard output, for journald. The only
 * door to pino on this side.
 *
 * @module
 */
import { pino } from 'pino';

/** The part of pino that the agent uses, so that tests can pass a list. */
export type Logger = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

/** @param stream a service logs to standard output; a command keeps that for its answer */
export function createLogger(stream: 'stdout' | 'stderr'): Logger {
  const options = { base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(options, pino.destination({ fd: stream === 'stdout' ? 1 : 2, sync: true }));
}
