/**
 * Who may import whom, with the reason of every permission. What is not written here is not
 * allowed: a file without an effect of its own needs no row.
 *
 * @module
 */

/** Which of our folders a folder may import. The longest place that holds a file counts. */
export type Layer = {
  readonly in: string;
  /** Folders, files, or files with one star. */
  readonly ours: readonly string[];
  /** Only by `import()`: loaded by the one command that needs it. */
  readonly lazily?: readonly string[];
  readonly because: string;
};

export const LAYERS: readonly Layer[] = [
  {
    in: 'protocol/',
    ours: ['protocol/'],
    because: 'both sides compile it: what it imports, both sides have',
  },
  {
    in: 'protocol/version.ts',
    ours: ['package.json'],
    because: 'package.json is the one place where the version is written',
  },
  {
    in: 'agent/',
    ours: ['agent/', 'protocol/'],
    because: 'a gateway is installed without a control plane',
  },
  {
    in: 'agent/kernel/',
    ours: ['agent/kernel/', 'agent/state.ts', 'protocol/'],
    because: 'an adapter takes no decision, so it knows no planner',
  },
  {
    in: 'control-plane/',
    ours: ['control-plane/', 'protocol/'],
    because: 'what an agent does is known by its messages only',
  },
  {
    in: 'control-plane/model/',
    ours: ['control-plane/model/', 'protocol/'],
    because: 'a decision is the same whatever stores it, carries it or asks for it',
  },
  {
    in: 'control-plane/store/',
    ours: ['control-plane/store/', 'control-plane/model/', 'protocol/'],
    because: 'rows are written and read, and nothing is known of who asked',
  },
  {
    in: 'control-plane/pki/',
    ours: [
      'control-plane/pki/',
      'control-plane/model/types.ts',
      'control-plane/durable-file.ts',
      'protocol/',
    ],
    because: 'the authority signs; whom, is decided elsewhere',
  },
  {
    in: 'control-plane/stream/',
    ours: [
      'control-plane/stream/',
      'control-plane/model/',
      'control-plane/store/store.ts',
      'control-plane/pki/authority.ts',
      'control-plane/*.ts',
      'protocol/',
    ],
    because: 'agents are served while the REST API is not',
  },
  {
    in: 'control-plane/http/',
    ours: [
      'control-plane/http/',
      'control-plane/model/',
      'control-plane/store/store.ts',
      'control-plane/stream/hub.ts',
      'control-plane/*.ts',
      'protocol/',
    ],
    because: 'the REST API asks the hub who is connected and knows nothing of the wire',
  },
  {
    in: 'cli/',
    ours: ['cli/', 'protocol/'],
    because: 'the CLI is a client of the REST API and nothing more',
  },
  {
    in: 'cli/control-plane.ts',
    ours: ['cli/', 'protocol/'],
    lazily: ['control-plane/serve.ts', 'control-plane/settings.ts'],
    because: '`culvert control-plane serve` is the control plane, loaded for that command',
  },
  {
    in: 'cli/agent.ts',
    ours: ['cli/', 'protocol/'],
    lazily: ['agent/commands.ts', 'agent/doctor-command.ts'],
    because: '`culvert agent …` is the agent, loaded for those commands',
  },
  {
    in: 'scripts/bench-routes.ts',
    ours: ['agent/kernel/kernel.ts', 'agent/state.ts', 'protocol/'],
    because: 'it measures the adapter itself',
  },
  {
    in: 'scripts/',
    ours: ['scripts/', 'test/lab/', 'protocol/'],
    because: 'the demo is a lab that stays up, driven through the CLI like any installation',
  },
  {
    in: 'scripts/reliability-page.ts',
    ours: ['test/reliability/rows.ts'],
    because: 'what is published is what is tested',
  },
  {
    in: 'test/',
    ours: ['test/', 'agent/', 'control-plane/', 'cli/', 'protocol/', 'scripts/', 'package.json'],
    because: 'a test may look at anything',
  },
];

/**
 * Where a foreign package, or a module of Node that has an effect, is let in. Tests may import
 * every package that has a door.
 */
export type Door = {
  readonly name: string;
  readonly to: readonly string[];
  readonly because: string;
};

export const PACKAGE_DOORS: readonly Door[] = [
  {
    name: 'typebox',
    to: ['protocol/schema.ts'],
    because: 'every schema is made of our refined ones, and every refusal is in our words',
  },
  {
    name: 'ip-cidr',
    to: ['protocol/ip-cidr.ts'],
    because: 'a second opinion at the operators’ edge, behind our own parser',
  },
  {
    name: 'netlink',
    to: ['agent/kernel/netlink.ts', 'agent/kernel/netlink-batch.ts'],
    because:
      'it aborts the process when misused; the care for that stands in two files side by side',
  },
  {
    name: 'ws',
    to: ['agent/channel.ts', 'control-plane/stream/listener.ts'],
    because: 'one end of the stream each',
  },
  {
    name: '@peculiar/x509',
    to: ['agent/certificate-request.ts', 'control-plane/pki/'],
    because: 'agents ask for certificates, the authority gives them',
  },
  {
    name: 'reflect-metadata',
    to: ['agent/certificate-request.ts', 'control-plane/pki/'],
    because: '@peculiar/x509 wants it loaded first',
  },
  {
    name: 'pino',
    to: ['agent/log.ts', 'control-plane/log.ts'],
    because: 'one file a program decides what a log line looks like',
  },
  {
    name: 'fastify',
    to: ['control-plane/http/'],
    because: 'the REST API is the only HTTP that is large enough for a framework',
  },
  {
    name: '@fastify/swagger',
    to: ['control-plane/http/'],
    because: 'OpenAPI from the schemas that validate',
  },
  {
    name: '@fastify/type-provider-typebox',
    to: ['control-plane/http/'],
    because: 'handlers typed by the schemas that validate',
  },
  {
    name: 'kysely',
    to: ['control-plane/store/'],
    because: 'SQL is written in the store',
  },
  {
    name: 'commander',
    to: ['cli/'],
    because: 'the CLI is where arguments are',
  },
  {
    name: 'vitest',
    to: ['test/', 'vitest.config.ts'],
    because: 'the test runner',
  },
  { name: 'fast-check', to: ['test/'], because: 'properties' },
  {
    name: 'cidr-tools',
    to: ['test/unit/protocol/'],
    because: 'an oracle of prefix arithmetic, never in the product',
  },
];

/** A file in no row has no effect. Tests and scripts need a row for children only. */
export const NODE_DOORS: readonly Door[] = [
  {
    name: 'node:child_process',
    to: [
      'agent/kernel/run.ts',
      'test/lab/command.ts',
      'test/unit/control-plane/store.test.ts',
      'scripts/',
    ],
    because: 'no shell, an argument array, a time limit and no secret in it: said once',
  },
  {
    name: 'node:util',
    to: ['agent/kernel/netlink-batch.ts'],
    because: 'it knows the names of errno(3)',
  },
  { name: 'node:sqlite', to: ['control-plane/store/'], because: 'the database is the store’s' },
  {
    name: 'node:crypto',
    to: [
      'protocol/digest.ts',
      'agent/certificate-request.ts',
      'agent/control-plane-client.ts',
      'agent/doctor-facts.ts',
      'agent/firewall-rules.ts',
      'agent/identity.ts',
      'agent/kernel/run.ts',
      'agent/run.ts',
      'agent/state-file.ts',
      'control-plane/durable-file.ts',
      'control-plane/model/hash.ts',
      'control-plane/pki/authority.ts',
      'control-plane/serve.ts',
    ],
    because: 'hashes are pure and stand where they are needed; randomness is passed in',
  },
  {
    name: 'node:fs',
    to: [
      'agent/doctor-facts.ts',
      'agent/durable-file.ts',
      'agent/identity.ts',
      'agent/kernel/',
      'agent/state-file.ts',
      'agent/status-socket.ts',
      'agent/sysctl-journal.ts',
      'cli/agent.ts',
      'cli/configuration.ts',
      'control-plane/durable-file.ts',
      'control-plane/serve.ts',
      'control-plane/settings.ts',
      'control-plane/store/sqlite.ts',
    ],
    because: 'files that outlive the process are read and written by those who own them',
  },
  {
    name: 'node:net',
    to: [
      'agent/control-plane-client.ts',
      'agent/host-lock.ts',
      'control-plane/pki/authority.ts',
      'control-plane/serve.ts',
    ],
    because: 'a socket, a lock, and what TLS takes for an address',
  },
  {
    name: 'node:tls',
    to: ['agent/control-plane-client.ts', 'control-plane/stream/listener.ts'],
    because: 'the two ends of mutual TLS',
  },
  {
    name: 'node:http',
    to: [
      'agent/metrics-listener.ts',
      'agent/run.ts',
      'agent/status-socket.ts',
      'control-plane/serve.ts',
      'control-plane/stream/listener.ts',
    ],
    because: 'listeners, and the local status socket',
  },
  {
    name: 'node:https',
    to: [
      'agent/control-plane-client.ts',
      'cli/https-request.ts',
      'control-plane/serve.ts',
      'control-plane/stream/listener.ts',
    ],
    because: 'the two clients and the two listeners',
  },
  {
    name: 'node:dns',
    to: ['agent/run.ts'],
    because: 'names are resolved by whoever was given them',
  },
  {
    name: 'node:os',
    to: ['agent/commands.ts', 'cli/configuration.ts'],
    because: 'the name of the host, the home of the user',
  },
  {
    name: 'node:timers',
    to: ['agent/kernel/userspace.ts'],
    because: 'waits for wireguard-go’s socket; every other wait has its timer passed in',
  },
  {
    name: 'node:stream',
    to: ['cli/main.ts'],
    because: 'reads standard input to its end',
  },
  {
    name: 'node:path',
    to: ['agent/', 'control-plane/', 'cli/'],
    because: 'has no effect',
  },
];

/** Files that decide. By whichever way: no module of Node, no package with an effect. */
export const PURE: readonly string[] = [
  'protocol/',
  'control-plane/model/',
  'agent/accept.ts',
  'agent/backoff.ts',
  'agent/desire.ts',
  'agent/doctor-path.ts',
  'agent/doctor.ts',
  'agent/explain.ts',
  'agent/finding.ts',
  'agent/firewall-rules.ts',
  'agent/forward-filter.ts',
  'agent/guard.ts',
  'agent/metrics.ts',
  'agent/operation.ts',
  'agent/plan*.ts',
  'agent/return-route.ts',
  'agent/state.ts',
  'agent/status-text.ts',
];

/** What pure files may reach: it only computes. */
export const WITHOUT_EFFECT: readonly string[] = ['node:crypto', 'typebox', 'ip-cidr'];

/** Who reads the environment: settings, so that `--help` and documents can name them all. */
export const ENVIRONMENT_READERS: readonly Door[] = [
  {
    name: 'process.env',
    to: ['cli/configuration.ts', 'cli/main.ts', 'control-plane/settings.ts', 'scripts/', 'test/'],
    because: 'a setting that is read elsewhere is a setting that nobody documents',
  },
];
