/**
 * The version of this program; package.json is the one place where it is written.
 *
 * @module
 */
import manifest from '../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
