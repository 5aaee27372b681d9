/**
 * A site as a request body names it. Bodies have no scope, so a name that is meant in one
 * network is sent as the id that it has there.
 *
 * @module
 */
import type { Client } from './client.ts';

export async function siteReference(
  client: Client,
  { site, network }: { readonly site: string; readonly network?: string },
): Promise<string> {
  return network === undefined ? site : (await client.show('sites', site, { network })).id;
}
