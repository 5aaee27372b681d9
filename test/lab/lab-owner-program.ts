/**
 * Owns a lab with one machine and a daemon in it, says the machine's first process and waits:
 * for a test that kills the owner.
 *
 * @module
 */
import { Lab } from './lab.ts';

const lab = await Lab.create('orphan');
const machine = await lab.addMachine('child');
await machine.run(['setsid', '--fork', 'sleep', '3600']);
process.stdout.write(`${machine.initPid}\n`);
setInterval(() => {}, 60_000);
