/**
 * Names that operators give to networks, sites and connectors.
 *
 * @module
 */
import { accept, type Parsed, refuse } from './parsed.ts';

declare const nameBrand: unique symbol;

/** An RFC 1123 label: 1 to 63 of a-z, 0-9 and inner hyphens. Never looks like an identifier. */
export type Name = string & { readonly [nameBrand]: true };

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export function parseName(text: string): Parsed<Name> {
  if (NAME.test(text)) return accept(text as Name); // checked by the pattern
  return refuse(
    `"${text}" is not a name; expected 1 to 63 of a-z, 0-9 and hyphens, not at either end`,
  );
}
