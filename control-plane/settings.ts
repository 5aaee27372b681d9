/**
 * Where the control plane listens, keeps its data and is reached: read from what the command
 * line says, else from the environment, else from what fits one machine. The only place on
 * this side that knows names of environment variables.
 *
 * @module
 */
import { endpointAddress, endpointPort, parseEndpoint } from '../protocol/endpoint.ts';
import { accept, type Parsed, refuse } from '../protocol/parsed.ts';
import type { Listen } from './https-server.ts';

export type Settings = {
  /** Holds the database, the authority and the operator's configuration. */
  readonly dataDirectory: string;
  readonly apiListen: Listen;
  readonly agentsListen: Listen;
  /** `https://` URLs by which agents reach the listener; stand in join tokens. */
  readonly agentsUrls: readonly string[];
  /** How operators reach the API; undefined: at the address where it listens. */
  readonly apiUrl?: string | undefined;
};

/** What may be said on the command line; each is as in `Settings`, URLs parted by commas. */
export type SettingsText = {
  readonly [name in keyof Settings]?: string | undefined;
};

/** Option of "culvert control-plane serve", environment variable and default of each setting. */
export const SETTINGS = {
  dataDirectory: {
    option: '--data-directory',
    variable: 'CULVERT_DATA_DIRECTORY',
    fallback: '/var/lib/culvert/control-plane',
  },
  apiListen: {
    option: '--api-listen',
    variable: 'CULVERT_API_LISTEN',
    fallback: '127.0.0.1:8443',
  },
  agentsListen: {
    option: '--agents-listen',
    variable: 'CULVERT_AGENTS_LISTEN',
    fallback: '[::]:8444',
  },
  agentsUrls: { option: '--agents-url', variable: 'CULVERT_AGENTS_URL', fallback: '' },
  apiUrl: { option: '--api-url', variable: 'CULVERT_API_URL', fallback: '' },
} as const satisfies Record<keyof Settings, object>;

/** The refusal names the option at fault. An empty text counts as not said. */
export function parseSettings(
  options: SettingsText,
  environment: Readonly<Record<string, string | undefined>>,
): Parsed<Settings> {
  const text = (name: keyof Settings): string =>
    options[name] || environment[SETTINGS[name].variable] || SETTINGS[name].fallback;

  const dataDirectory = text('dataDirectory');
  const apiListen = parseListen('apiListen', text('apiListen'));
  if (!apiListen.ok) return apiListen;
  const agentsListen = parseListen('agentsListen', text('agentsListen'));
  if (!agentsListen.ok) return agentsListen;
  const agentsUrls = text('agentsUrls')
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');
  if (agentsUrls.length === 0) {
    return refuse(
      `${SETTINGS.agentsUrls.option} is not set; expected how other machines reach this one, ` +
        `like https://203.0.113.1:${agentsListen.value.port}`,
    );
  }
  for (const url of agentsUrls) {
    const parsed = parseUrl('agentsUrls', url);
    if (!parsed.ok) return parsed;
  }
  const settings = {
    dataDirectory,
    apiListen: apiListen.value,
    agentsListen: agentsListen.value,
    agentsUrls,
  };
  if (text('apiUrl') === '') return accept(settings);
  const apiUrl = parseUrl('apiUrl', text('apiUrl'));
  return apiUrl.ok ? accept({ ...settings, apiUrl: apiUrl.value }) : apiUrl;
}

function parseListen(name: keyof Settings, text: string): Parsed<Listen> {
  const endpoint = parseEndpoint(text);
  if (!endpoint.ok) return refuse(`${SETTINGS[name].option}: ${endpoint.message}`);
  return accept({ host: endpointAddress(endpoint.value), port: endpointPort(endpoint.value) });
}

/** Only scheme, host and port: every path under it is ours to say. */
function parseUrl(name: keyof Settings, text: string): Parsed<string> {
  const url = URL.parse(text);
  if (url?.protocol === 'https:' && url.origin === text) return accept(text);
  return refuse(
    `${SETTINGS[name].option}: "${text}" is not an origin; expected https, host and port, ` +
      `like https://203.0.113.1:8444`,
  );
}
