/**
 * The operator of a story: the real command line, its requests handed to the API in process.
 */
import { Client } from '../../cli/client.ts';
import { createProgram } from '../../cli/program.ts';
import type { Api } from '../../control-plane/http/context.ts';
import { injectRequests } from '../fakes/operator.ts';

/** @returns what was printed, in order; a status other than 0 stands in the last line */
export async function runOperator(
  api: Api,
  secret: string,
  [name, ...args]: readonly string[],
): Promise<string[]> {
  if (name !== 'culvert') throw new RangeError(`an operator runs "culvert", not "${name}"`);
  let printed = '';
  const print = (text: string) => {
    printed += text;
  };
  const request = injectRequests({ api, operator: secret });
  const program = createProgram({ client: () => new Client(request), out: print, err: print });
  const status = await program.run(args);
  const lines = printed === '' ? [] : printed.trimEnd().split('\n');
  return status === 0 ? lines : [...lines, `(exit status ${status})`];
}
