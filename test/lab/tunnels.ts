/**
 * The world's tunnels set up by hand with ip(8) and wg(8): the independent control
 * experiment. What holds with these must hold with Culvert, and a proof that fails with
 * these is a wrong proof.
 *
 * @module
 */
import type { Machine } from './machine.ts';
import { SITES, type Site, type World } from './world.ts';

const DEVICE = 'wg0';
const PORT = 51820;
/** Without it the far gateway's ICMP errors have a source outside its allowed IPs. */
const OVERLAY = (site: Site) => `100.64.0.${SITES.indexOf(site) + 1}`;

/** Joins every site to every other. */
export async function tunnelByHand({ lab }: World): Promise<void> {
  const keys = new Map<Site, string>();
  for (const site of SITES) {
    const machine = lab.machine(site.connector);
    await addWireGuard(machine);
    const privateKey = await machine.run(['wg', 'genkey']);
    keys.set(site, (await machine.run(['wg', 'pubkey'], { input: privateKey })).trim());
    const script = `umask 077; cat > /run/${DEVICE}.key; wg set ${DEVICE} listen-port ${PORT} \
      private-key /run/${DEVICE}.key`;
    await machine.run(['sh', '-c', script], { input: privateKey });
  }
  for (const site of SITES) {
    const machine = lab.machine(site.connector);
    const far = SITES.filter((other) => other !== site);
    for (const other of far) {
      // The map holds every site: it was filled above.
      await machine.run(['wg', 'set', DEVICE, 'peer', keys.get(other)!, ...peerSettings(other)]);
    }
    const lines = [
      `address add ${OVERLAY(site)}/32 dev ${DEVICE}`,
      `link set ${DEVICE} mtu 1420 up`,
      ...far.map((other) => `route add ${OVERLAY(other)} dev ${DEVICE}`),
      ...far.flatMap(({ prefixes }) =>
        prefixes.map((prefix) => `route add ${prefix} dev ${DEVICE}`),
      ),
    ];
    await machine.run(['ip', '-batch', '-'], { input: lines.join('\n') });
    await machine.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  }
}

function peerSettings(site: Site): string[] {
  return [
    ...['allowed-ips', [...site.prefixes, `${OVERLAY(site)}/32`].join(',')],
    ...['persistent-keepalive', '5'],
    ...(site.endpoint === undefined ? [] : ['endpoint', site.endpoint]),
  ];
}

/** The kernel's WireGuard where there is one, else wireguard-go. */
async function addWireGuard(machine: Machine): Promise<void> {
  const kernel = await machine.attempt(['ip', 'link', 'add', DEVICE, 'type', 'wireguard']);
  if (kernel.exitCode !== 0) await machine.run(['wireguard-go', DEVICE]);
}
