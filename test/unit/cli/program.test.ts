import type { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Client, type Request, UnreachableError } from '../../../cli/client.ts';
import { ConfigurationError } from '../../../cli/configuration.ts';
import { createProgram, type ProgramOptions } from '../../../cli/program.ts';
import { SETTINGS } from '../../../control-plane/settings.ts';
import { parseJoinToken } from '../../../protocol/join-token.ts';
import { TestControlPlane } from '../../fakes/control-plane.ts';
import { culvert, injectRequests } from '../../fakes/operator.ts';

// The world of these tests: network `office` with the sites `hq` (10.1.0.0/16) and `branch`
// (10.2.0.0/16), noon on 2026-03-01, no connector.
let world: TestControlPlane;
let request: Request;
const type = (line: string) => culvert(line, request);

describe('with a control plane', () => {
  beforeEach(async () => {
    world = await TestControlPlane.open();
    await world.makeOffice();
    request = injectRequests({ api: world.controlPlane.api, operator: world.operator });
  });

  afterEach(() => world.close());

  describe('culvert network', () => {
    test('is made, shown, changed and deleted', async () => {
      world.clock.advance(1000);
      expect(await type('network create lab --overlay 100.65.0.0/16 --mtu 1380')).toEqual({
        status: 0,
        out: 'Made network "lab" with overlay 100.65.0.0/16.\n',
        err: '',
      });
      expect((await type('network list')).out).toMatch(
        lines(
          'NAME    OVERLAY        MTU   KEEPALIVE  ID',
          'office  100.64.0.0/16  1420  25 s       net_\\w{20}',
          'lab     100.65.0.0/16  1380  25 s       net_\\w{20}',
        ),
      );
      expect((await type('network update lab --keepalive 0')).out).toMatch(
        lines(
          'name       lab',
          'id         net_\\w{20}',
          'overlay    100.65.0.0/16',
          'MTU        1380 bytes',
          'keepalive  off',
          'created    2026-03-01T12:00:01.000Z',
        ),
      );
      expect((await type('network delete lab')).out).toBe('Deleted network "lab".\n');
      expect(await type('network show lab')).toMatchObject({ status: 3, out: '' });
    });
  });

  describe('culvert site', () => {
    test('is made with its prefixes, listed, shown and deleted with them', async () => {
      const made = await type('site create plant --network office --prefix 10.3.0.0/16');
      expect(made.out).toBe(
        'Made site "plant" of network "office" with 10.3.0.0/16. ' +
          'Its connector joins with: culvert token create --site plant\n',
      );
      const listed = (await type('site list --network office')).out.split('\n');
      expect(listed[0]).toBe('NAME    NETWORK  PREFIXES     CONNECTOR  ID');
      expect(listed.slice(1).sort()).toEqual([
        '',
        expect.stringMatching(/^branch {2}office {3}10\.2\.0\.0\/16 {2}- {10}sit_\w{20}$/),
        expect.stringMatching(/^hq {6}office {3}10\.1\.0\.0\/16 {2}- {10}sit_\w{20}$/),
        expect.stringMatching(/^plant {3}office {3}10\.3\.0\.0\/16 {2}- {10}sit_\w{20}$/),
      ]);
      expect((await type('site show plant')).out).toContain('prefixes   10.3.0.0/16\n');
      expect((await type('site delete plant')).out).toBe(
        'Deleted site "plant" of network "office" with 10.3.0.0/16.\n',
      );
    });

    test('is assigned to one of its connectors', async () => {
      await world.join('hq', 'hq-gw');
      await world.join('hq', 'hq-gw-2');
      const changed = await type('site update hq --assignment hq-gw-2');
      expect(changed.out).toContain('connector  hq-gw-2\n');
    });
  });

  describe('culvert connector', () => {
    test('is listed with its state and the reason, shown, changed and removed', async () => {
      await world.join('hq', 'hq-gw');
      const listed = await type('connector list --site hq --state inactive');
      expect(listed.out).toMatch(/^NAME +SITE +NETWORK +OVERLAY +ENDPOINT +STATE +REASON\n/);
      expect(listed.out).toMatch(
        /\nhq-gw +hq +office +100\.64\.0\.\d+ +198\.51\.100\.7:51820 +inactive +\S.*\n$/,
      );
      const endpoint = await type('connector update hq-gw --endpoint 203.0.113.9:7000');
      expect(endpoint.out).toContain('203.0.113.9:7000 (operator)');
      const observed = await type('connector update hq-gw --no-endpoint --name hq-north');
      expect(observed.out).toContain('198.51.100.7:51820 (observed)');
      expect((await type('connector delete hq-north')).out).toBe(
        'Removed connector "hq-north" of site "hq", which carried 10.1.0.0/16.\n',
      );
      expect((await type('connector list')).err).toMatch(/^No connectors\./);
    });
  });

  describe('culvert route', () => {
    test('is made, withdrawn, approved, shown and deleted by its prefix', async () => {
      expect((await type('route create fd00:1::/48 --site hq')).out).toBe(
        'Made route fd00:1::/48 to site "hq" of network "office".\n',
      );
      const withdrawn = await type('route update fd00:1::/48 --state pending');
      expect(withdrawn.out).toContain('state        pending\n');
      expect((await type('route list --state pending')).out).toMatch(/^fd00:1::\/48 +hq /m);
      expect((await type('route approve fd00:1::/48')).out).toContain('approved');
      expect((await type('route show fd00:1::/48')).out).toContain('state        approved\n');
      expect((await type('route delete fd00:1::/48')).out).toBe(
        'Deleted approved route fd00:1::/48 to site "hq" of network "office".\n',
      );
    });
  });

  describe('culvert token', () => {
    test('prints the line alone on standard output, and the hint on standard error', async () => {
      const { status, out, err } = await type('token create --site branch --expires-in 30m');
      expect(status).toBe(0);
      expect(out.split('\n')).toHaveLength(2);
      expect(parseJoinToken(out).ok).toBe(true);
      expect(err).toBe(
        'Lets one machine join site "branch" of network "office" until ' +
          '2026-03-01T12:30:00.000Z.\nOn the gateway, as root: culvert agent join <token>\n',
      );
    });

    test('is listed and shown without its secret, and revoked', async () => {
      const { token, id } = JSON.parse((await type('token create --site hq --uses 3 --json')).out);
      const secret = token.split('.')[1];
      for (const line of ['token list', `token show ${id}`, 'token list --json']) {
        const { status, out } = await type(line);
        expect(status).toBe(0);
        expect(out).toContain(id);
        expect(out).not.toContain(secret.slice(0, 20));
      }
      expect((await type(`token revoke ${id}`)).out).toBe(
        `Revoked join token ${id} of site "hq" (usable, used 0 of 3).\n`,
      );
      expect((await type('token list --state revoked')).out).toContain(id);
    });
  });

  describe('culvert lookup', () => {
    test('says who carries an address, and what else holds it', async () => {
      await world.join('branch', 'branch-gw');
      await type('route create 10.1.5.0/24 --site branch');
      expect((await type('lookup 10.2.0.10')).out).toMatch(
        lines(
          'NETWORK  PREFIX       SITE    CONNECTOR  STATE     KIND',
          'office   10.2.0.0/16  branch  branch-gw  inactive  route',
        ),
      );
      expect(await type('lookup 192.0.2.1')).toEqual({
        status: 0,
        out: '',
        err: 'No network has a route to 192.0.2.1.\n',
      });
    });
  });

  describe('culvert status', () => {
    test('counts', async () => {
      const { out } = await type('status');
      expect(out).toContain('sites       2\n');
      expect(out).toContain('routes      2 approved, 0 pending\n');
    });
  });

  describe('--network', () => {
    test('says in which network a name is meant, in paths and in bodies', async () => {
      await type('network create lab --overlay 100.65.0.0/16');
      await type('site create hq --network lab --prefix 10.1.0.0/16');
      expect(await type('site show hq')).toMatchObject({
        status: 3,
        err: expect.stringContaining('code: ambiguous-reference'),
      });
      expect((await type('site show hq --network lab')).out).toMatch(/^network +lab$/m);
      const route = await type('route create 10.8.0.0/16 --site hq --network lab');
      expect(route.out).toBe('Made route 10.8.0.0/16 to site "hq" of network "lab".\n');
      const token = await type('token create --site hq --network lab');
      expect(token.err).toContain('network "lab"');
      expect((await type('route delete 10.1.0.0/16 --network lab')).status).toBe(0);
      expect((await type('lookup 10.1.0.1')).out).toMatch(/^office/m);
    });
  });

  describe('--json', () => {
    test.each([
      ['network list', 'GET /v1/networks'],
      ['network show office', 'GET /v1/networks/office'],
      ['site list', 'GET /v1/sites'],
      ['site show hq', 'GET /v1/sites/hq'],
      ['route list', 'GET /v1/routes'],
      ['route show 10.1.0.0/16', 'GET /v1/routes/10.1.0.0%2F16'],
      ['connector list', 'GET /v1/connectors'],
      ['connector show hq-gw', 'GET /v1/connectors/hq-gw'],
      ['token list', 'GET /v1/enrollment-tokens'],
      ['lookup 10.1.0.1', 'GET /v1/lookup?address=10.1.0.1'],
      ['status', 'GET /v1/status'],
    ])('of "%s" is the answer of the API', async (line, route) => {
      await world.join('hq', 'hq-gw');
      const { out, status } = await type(`${line} --json`);
      expect(status).toBe(0);
      expect(JSON.parse(out)).toEqual((await world.request(route)).body);
    });

    test.each([
      ['network create lab', { name: 'lab' }],
      ['site delete hq', { name: 'hq', prefixes: ['10.1.0.0/16'] }],
      ['route delete 10.1.0.0/16', { prefix: '10.1.0.0/16' }],
    ])('of "%s" is the object', async (line, object) => {
      expect(JSON.parse((await type(`${line} --json`)).out)).toMatchObject(object);
    });
  });

  describe('a refusal', () => {
    test('ends with 3 and prints title, detail, field and code on standard error', async () => {
      expect(await type('route create 10.1.7.0/24 --site branch')).toEqual({
        status: 3,
        out: '',
        err: [
          'Refused: The prefix overlaps one that is there',
          '  "10.1.7.0/24" overlaps route "10.1.0.0/16" of site "hq"',
          '  field: /prefix',
          '  code: route-conflict',
          '',
        ].join('\n'),
      });
    });

    test.each([
      ['route create 10.0.0.1/8 --site hq', 'did you mean 10.0.0.0/8'],
      ['route create ::ffff:10.0.0.0/104 --site hq', 'is ambiguous'],
      ['route create 0.0.0.0/0 --site hq', 'every address'],
      ['route update 10.1.0.0/16 --state refused', 'expected one of "approved", "pending"'],
      ['site create HQ --network office', 'not a name'],
      ['network update office', 'at least one field'],
      ['connector list --state gone', 'expected one of "active", "degraded", "inactive"'],
      ['token create --site hq --uses 0', '/maxUses'],
    ])('of "%s" says what would be accepted', async (line, words) => {
      const { status, err } = await type(line);
      expect(err).toContain(words);
      expect(status).toBe(3);
    });
  });
});

describe('exit statuses', () => {
  test.each([
    ['', 2],
    ['network', 2],
    ['netwrk list', 2],
    ['network list extra', 2],
    ['network list --jsn', 2],
    ['network show', 2],
    ['site create plant', 2],
    ['network create lab --mtu big', 2],
    ['token create --site hq --expires-in 5', 2],
    ['--help', 0],
    ['help', 0],
    ['help network create', 0],
    ['network --help', 0],
    ['network create --help', 0],
    ['--version', 0],
    ['control-plane serve', 2],
    ['control-plane serve --agents-url http://x', 2],
    ['agent join culvert', 2],
  ])('of "culvert %s" is %i', async (line, status) => {
    expect((await typeAway(line)).status).toBe(status);
  });

  test('is 4 when the control plane cannot be reached, and 5 without a configuration', async () => {
    expect(await typeAway('status')).toEqual({ status: 4, out: '', err: 'Cannot reach it\n' });
    const client = () => {
      throw new ConfigurationError('Cannot find the configuration');
    };
    expect((await typeAway('status', { client })).status).toBe(5);
  });

  test('does not hide a bug', async () => {
    const broken: Request = () => Promise.reject(new TypeError('x is not a function'));
    await expect(culvert('status', broken)).rejects.toThrow(TypeError);
  });
});

describe('every command', () => {
  const options = { client: () => new Client(nowhere), out: () => {}, err: () => {} };
  const commands = leavesOf(createProgram(options).commands());

  test('is there', () => {
    expect(commands.map(([path]) => path)).toEqual([
      ...['network', 'site'].flatMap((noun) =>
        ['list', 'show', 'create', 'update', 'delete'].map((verb) => `${noun} ${verb}`),
      ),
      ...['list', 'show', 'create', 'delete'].map((verb) => `token ${verb}`),
      ...['list', 'show', 'update', 'delete'].map((verb) => `connector ${verb}`),
      ...['list', 'show', 'create', 'update', 'approve', 'delete'].map((verb) => `route ${verb}`),
      'lookup',
      'status',
      ...['join', 'run', 'status', 'accept', 'plan', 'doctor', 'leave'].map(
        (verb) => `agent ${verb}`,
      ),
      'control-plane serve',
    ]);
  });

  test.each(commands)('"%s" has a help with description and examples', async (path) => {
    const { out } = await typeAway(`${path} --help`);
    const [usage, description = ''] = out.split('\n\n');
    expect(usage).toMatch(/^Usage: culvert /);
    expect(description).toMatch(/\.$/);
    expect(examplesIn(out).length).toBeGreaterThan(0);
    for (const example of examplesIn(out)) expect(example).toMatch(new RegExp(`^${path}\\b`));
    const hasData = !/^(?:agent (?:join|run|accept|leave)|control-plane serve)$/.test(path);
    expect(out.includes('--json')).toBe(hasData);
  });

  test.each(commands.filter(([path]) => !/^(?:agent|control-plane) /.test(path)))(
    '"%s" accepts its own examples',
    async (path) => {
      for (const example of examplesIn((await typeAway(`${path} --help`)).out)) {
        const { status } = await typeAway(example.split(' |')[0] ?? '');
        expect(status, example).toBe(4);
      }
    },
  );
});

describe('culvert control-plane serve --help', () => {
  test('names every setting with its variable and its default', async () => {
    const { out } = await typeAway('control-plane serve --help');
    const words = out.replaceAll(/\s+/g, ' ');
    for (const { option, variable, fallback } of Object.values(SETTINGS)) {
      expect(words).toContain(option);
      expect(words).toContain(variable);
      if (fallback !== '') expect(words).toContain(`(default: ${fallback})`);
    }
  });
});

describe('culvert agent join -', () => {
  test('reads the token from standard input', async () => {
    const asked: string[] = [];
    const input = async () => {
      asked.push('once');
      return 'not-a-token\n';
    };
    expect((await typeAway('agent join -', { input })).status).toBe(2);
    expect(asked).toEqual(['once']);
  });
});

function typeAway(line: string, options: Partial<ProgramOptions> = {}) {
  return culvert(line, nowhere, options);
}

function nowhere(): never {
  throw new UnreachableError('Cannot reach it');
}

/** Without the word "culvert". */
function examplesIn(help: string): string[] {
  const [, examples = ''] = help.split('\nExamples:\n');
  return [...examples.matchAll(/^ {2}culvert (.+)$/gm)].map(([, example = '']) => example);
}

function lines(...patterns: readonly string[]): RegExp {
  return new RegExp(`^${patterns.join('\\n')}\\n$`);
}

/** Commands that do something, by the words that call them. */
function leavesOf(command: Command, words: readonly string[] = []): [string, Command][] {
  if (command.commands.length === 0) return [[words.join(' '), command]];
  return command.commands.flatMap((child) => leavesOf(child, [...words, child.name()]));
}
