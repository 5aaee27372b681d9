/**
 * The one change a network needs beside the agent, when the agent is not on its default
 * gateway: a route that leads the remote prefixes to the connector. Here as the commands that
 * add it on what gateways usually are. Pure.
 *
 * `<…>` in a line is what only the network's owner knows.
 *
 * @module
 */
import { type Address, addressParts, familyOf, type Prefix, prefixParts } from '../protocol/net.ts';

export type ReturnRoutes = {
  /** What lies behind the tunnel. */
  readonly prefixes: readonly Prefix[];
  /** The connector's address on the LAN; prefixes of the other family are left out. */
  readonly via: Address;
  /** Where hosts of the LAN send the rest. Without it DHCP is left out: see {@link option121}. */
  readonly defaultGateway?: Address | undefined;
};

export type SystemCommands = { readonly system: string; readonly lines: readonly string[] };

/** RFC 2132 §2: the length of a DHCP option is one byte. */
const MAX_OPTION_BYTES = 255;

/** One entry a system, in the order in which they are to be shown; empty without a prefix. */
export function returnRouteCommands(routes: ReturnRoutes): SystemCommands[] {
  const { via, defaultGateway } = routes;
  const prefixes = routes.prefixes.filter((prefix) => familyOf(prefix) === familyOf(via));
  if (prefixes.length === 0) return [];
  const isIpv6 = familyOf(via) === 6;
  const each = (line: (prefix: Prefix) => string) => prefixes.map(line);
  return [
    { system: 'Linux', lines: each((prefix) => `ip route replace ${prefix} via ${via}`) },
    { system: 'netplan', lines: netplan(prefixes, via) },
    {
      system: 'VyOS',
      lines: [
        'configure',
        ...each((p) => `set protocols static route${isIpv6 ? '6' : ''} ${p} next-hop ${via}`),
        'commit',
        'save',
      ],
    },
    { system: 'OPNsense', lines: opnsense(prefixes, via) },
    {
      system: 'MikroTik',
      lines: each((p) => `/${isIpv6 ? 'ipv6' : 'ip'} route add dst-address=${p} gateway=${via}`),
    },
    {
      system: 'AWS',
      lines: [
        'aws ec2 modify-instance-attribute --instance-id <connector> --no-source-dest-check',
        ...each(
          (p) =>
            'aws ec2 create-route --route-table-id <table> --network-interface-id <connector> ' +
            `--destination-${isIpv6 ? 'ipv6-' : ''}cidr-block ${p}`,
        ),
      ],
    },
    {
      system: 'GCP',
      lines: each(
        (p) =>
          `gcloud compute routes create ${cloudName(p)} --network <network> ` +
          `--destination-range ${p} --next-hop-address ${via}`,
      ),
    },
    {
      system: 'Azure',
      lines: [
        'az network nic update --resource-group <group> --name <connector> --ip-forwarding true',
        ...each(
          (p) =>
            'az network route-table route create --resource-group <group> ' +
            `--route-table-name <table> --name ${cloudName(p)} --address-prefix ${p} ` +
            `--next-hop-type VirtualAppliance --next-hop-ip-address ${via}`,
        ),
      ],
    },
    ...(isIpv6 || defaultGateway === undefined ? [] : [dhcp(prefixes, via, defaultGateway)]),
  ];
}

/** A part of a file of /etc/netplan; "netplan apply" puts it in force. */
function netplan(prefixes: readonly Prefix[], via: Address): string[] {
  return [
    'network:',
    '  ethernets:',
    '    <lan-interface>:',
    '      routes:',
    ...prefixes.flatMap((prefix) => [`        - to: "${prefix}"`, `          via: "${via}"`]),
  ];
}

/** What route(8) of FreeBSD adds is gone after a restart; what the menus keep is not. */
function opnsense(prefixes: readonly Prefix[], via: Address): string[] {
  const family = familyOf(via) === 6 ? '-6' : '-4';
  return [
    `System > Gateways > Configuration: add "culvert" on the LAN interface, address ${via}`,
    ...prefixes.map(
      (prefix) => `System > Routes > Configuration: add ${prefix}, gateway "culvert"`,
    ),
    ...prefixes.map(
      (prefix) => `until the next restart: route ${family} add -net ${prefix} ${via}`,
    ),
  ];
}

/** For hosts instead of the gateway: each learns the routes with its address. */
function dhcp(prefixes: readonly Prefix[], via: Address, defaultGateway: Address): SystemCommands {
  const routes = option121Routes(prefixes, via, defaultGateway);
  const bytes = option121(routes);
  const listed = routes.map((route) => `${route.prefix},${route.via}`).join(',');
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
  return {
    system: 'DHCP option 121',
    lines: [
      `dnsmasq: dhcp-option=121,${listed}`,
      `any server: option 121, ${bytes.length} bytes, ${hex}`,
      ...(bytes.length > MAX_OPTION_BYTES
        ? [`the server must split it (RFC 3396): an option holds ${MAX_OPTION_BYTES} bytes`]
        : []),
    ],
  };
}

export type Option121Route = { readonly prefix: Prefix; readonly via: Address };

/**
 * A client that is given option 121 ignores the Router option (RFC 3442, "DHCP Client
 * Behavior"), so the default route has to be in it, or the hosts lose theirs.
 */
function option121Routes(
  prefixes: readonly Prefix[],
  via: Address,
  defaultGateway: Address,
): Option121Route[] {
  const everything = '0.0.0.0/0' as Prefix; // canonical
  return [
    { prefix: everything, via: defaultGateway },
    ...prefixes.map((prefix) => ({ prefix, via })),
  ];
}

/**
 * The value of the Classless Static Route option: for each route the prefix length, as many
 * bytes of the prefix as its length needs, and the router (RFC 3442, "Classless Route Option
 * Format").
 *
 * @throws {RangeError} on an IPv6 route, which DHCPv4 cannot carry
 */
export function option121(routes: readonly Option121Route[]): Uint8Array {
  return Uint8Array.from(
    routes.flatMap(({ prefix, via }) => {
      if (familyOf(prefix) !== 4 || familyOf(via) !== 4) {
        throw new RangeError(`Cannot put "${prefix}" via ${via} into DHCP option 121: not IPv4`);
      }
      const { bits, length } = prefixParts(prefix);
      const significant = bytesOf(bits).slice(0, Math.ceil(length / 8));
      return [length, ...significant, ...bytesOf(addressParts(via).bits)];
    }),
  );
}

/** The four bytes of an IPv4 address, in network order. */
function bytesOf(bits: bigint): number[] {
  const shifts = [24n, 16n, 8n, 0n];
  return shifts.map((shift) => Number((bits >> shift) & 0xffn));
}

/** Letters, digits and hyphens, as both clouds take for a name: `culvert-10-2-0-0-16`. */
function cloudName(prefix: Prefix): string {
  return `culvert-${prefix.replaceAll(/[^0-9a-f]+/g, '-')}`;
}
