import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../../control-plane/settings.ts';

// The world of these tests: an operator who says only how agents reach this machine.
const URL = 'https://203.0.113.1:8444';

describe('parseSettings()', () => {
  test('fits one machine by default', () => {
    expect(parseSettings({ agentsUrls: URL }, {})).toEqual({
      ok: true,
      value: {
        dataDirectory: '/var/lib/culvert/control-plane',
        apiListen: { host: '127.0.0.1', port: 8443 },
        agentsListen: { host: '::', port: 8444 },
        agentsUrls: [URL],
      },
    });
  });

  test('takes the command line before the environment', () => {
    const environment = {
      CULVERT_AGENTS_URL: `${URL}, https://[2001:db8::1]:8444`,
      CULVERT_API_LISTEN: '10.0.0.1:443',
      CULVERT_DATA_DIRECTORY: '/srv/culvert',
    };
    expect(
      parseSettings({ apiListen: '[::1]:8443', apiUrl: 'https://culvert.example' }, environment),
    ).toMatchObject({
      value: {
        dataDirectory: '/srv/culvert',
        apiListen: { host: '::1', port: 8443 },
        agentsUrls: [URL, 'https://[2001:db8::1]:8444'],
        apiUrl: 'https://culvert.example',
      },
    });
  });

  test.each([
    [{}, '--agents-url is not set; expected how other machines reach this one'],
    [{ agentsUrls: 'http://203.0.113.1:8444' }, '--agents-url: "http://203.0.113.1:8444" is not'],
    [{ agentsUrls: `${URL}/v1` }, 'is not an origin; expected https, host and port'],
    [{ agentsUrls: 'https://user@203.0.113.1' }, '--agents-url: "https://user@203.0.113.1" is not'],
    [{ agentsUrls: '203.0.113.1:8444' }, '--agents-url: "203.0.113.1:8444" is not an origin'],
    [{ agentsUrls: URL, apiListen: '8443' }, '--api-listen: "8443" is not an endpoint'],
    [{ agentsUrls: URL, agentsListen: '::8444' }, '--agents-listen: "::8444" is not an endpoint'],
    [{ agentsUrls: URL, apiUrl: 'culvert.example' }, '--api-url: "culvert.example" is not'],
  ])('refuses %j and names the option', (options, message) => {
    const parsed = parseSettings(options, {});
    expect(parsed).toEqual({ ok: false, message: expect.stringContaining(message) });
  });
});
