#!/usr/bin/env node
/**
 * The command `culvert`: gives the program its outputs, its environment and its way to the
 * control plane. Loads nothing before it knows that this Node can.
 *
 * @module
 */
import { text } from 'node:stream/consumers';

/** node:sqlite without a flag, TLS groups and type stripping as we use them. */
const REQUIRED = { major: 24, minor: 15 };

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < REQUIRED.major || (major === REQUIRED.major && minor < REQUIRED.minor)) {
  process.stderr.write(
    `Cannot run on Node ${process.versions.node}: expected ` +
      `${REQUIRED.major}.${REQUIRED.minor} or later\n`,
  );
  process.exitCode = 5; // a precondition is missing, as in `exit-status.ts`
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  const { createProgram } = await import('./program.ts');
  const { Client } = await import('./client.ts');
  const { loadConfiguration } = await import('./configuration.ts');
  const { httpsRequests } = await import('./https-request.ts');
  const { env: environment, stdin, stdout, stderr } = process;
  for (const stream of [stdout, stderr]) {
    // Whoever read along has had enough, as in "culvert network list | head -1".
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
  const program = createProgram({
    client: (file) => new Client(httpsRequests(loadConfiguration({ file, environment }))),
    out: (words) => stdout.write(words),
    err: (words) => stderr.write(words),
    input: () => text(stdin),
    environment,
    isColored: stdout.isTTY && !environment.NO_COLOR,
  });
  return await program.run(process.argv.slice(2));
}
