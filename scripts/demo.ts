/**
 * The demo: the world of the lab joined by Culvert, proven with packets, kept up to look at.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { install, OPERATOR_FILE, operatorOf } from '../test/lab/culvert.ts';
import { Host } from '../test/lab/host.ts';
import { CHECKOUT, Lab } from '../test/lab/lab.ts';
import { prove, settle } from '../test/lab/proof.ts';
import { createWorld, DRAWING, type World } from '../test/lab/world.ts';
import { formatProof } from './proof-table.ts';

/** Where the API listens in the control plane's machine, and here, if the port is free. */
const API_PORT = 8443;

const isCheck = process.argv.includes('--check');
const startMs = performance.now();
const end = Promise.withResolvers<void>();
let lab: Lab | undefined;
let isUp = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!isUp) process.exitCode = 130;
    end.resolve();
  });
}
try {
  await Promise.race([demonstrate(), end.promise]);
} catch (error) {
  process.exitCode = 1;
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.stderr.write(lab === undefined ? '' : lastWords(lab));
}
await lab?.destroy();
process.exit();

async function demonstrate(): Promise<void> {
  print(DRAWING);
  lab = await Lab.create('demo');
  const world = await createWorld(lab);
  progress(`${world.lab.machines().length} machines are cabled`);
  await install(world, progress);
  await settle(world, { ms: 20_000 });
  progress('every site reaches every other');
  const findings = await prove(world);
  print(`\n${formatProof(findings)}\n`);
  const failures = findings.filter(({ holds }) => !holds);
  progress(`proven: ${findings.length - failures.length} of ${findings.length} lines hold`);
  if (failures.length > 0) process.exitCode = 1;
  if (isCheck) return;
  await explainAccess(world);
  isUp = true;
  await end.promise;
  print('\nRemoving everything.');
}

/** Makes the API reachable from where the user sits, and says how. */
async function explainAccess(world: World): Promise<void> {
  const { lab } = world;
  const operator = operatorOf(world);
  const socket = join(lab.folder, 'api.socket');
  const insider = await Host.start(operator);
  await insider.ask({ kind: 'forward', socket, to: '127.0.0.1', port: API_PORT });
  const port = await listenLocally(socket);
  const operatorFile = join(lab.folder, 'operator.json');
  const file = JSON.parse(await operator.run(['cat', OPERATOR_FILE]));
  const url = `https://127.0.0.1:${port}`;
  writeFileSync(operatorFile, JSON.stringify({ ...file, url }), { mode: 0o600 });
  print(`
API        ${url}  (description: ${url}/v1/openapi.json)
Token      in ${operatorFile}, with the certificate to trust

Worth trying from another terminal, in ${CHECKOUT}:

  CULVERT_CONFIG=${operatorFile} scripts/culvert lookup 10.2.0.11
  scripts/lab exec hq-1 traceroute -n 10.3.0.11
  scripts/lab exec branch-gateway culvert agent status

Ctrl-C removes everything.`);
}

/** Carries connections to a port of this machine on to the lab. Any port when 8443 is taken. */
async function listenLocally(socket: string): Promise<number> {
  const server = createServer((near) => {
    const far = createConnection(socket);
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  await listen(API_PORT).catch(() => listen(0));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new RangeError('No port');
  return address.port;
}

/** What the programs of Culvert wrote last, for a demo that did not come up. */
function lastWords(lab: Lab): string {
  return lab
    .machines()
    .flatMap((machine) => ['control-plane', 'agent'].map((log) => ({ machine, log })))
    .map(({ machine, log }) => {
      const text = machine.logOf(log).trim();
      return text === '' ? '' : `\n── ${log} at ${machine.name}\n${text.slice(-1500)}\n`;
    })
    .join('');
}

function progress(line: string): void {
  print(`${((performance.now() - startMs) / 1000).toFixed(1).padStart(5)} s  ${line}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
