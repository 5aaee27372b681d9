/**
 * The command line in process: `culvert …` against a control plane of this process, with what
 * it prints and its exit status as a value.
 *
 * @module
 */
import { Client, type Request } from '../../cli/client.ts';
import { createProgram, type ProgramOptions } from '../../cli/program.ts';
import type { Api } from '../../control-plane/http/context.ts';

export type Run = { readonly status: number; readonly out: string; readonly err: string };

/** Puts requests into the API without a socket. */
export function injectRequests({
  api,
  operator,
}: {
  readonly api: Api;
  /** Secret of an API token. */
  readonly operator: string;
}): Request {
  return async ({ method, path, body }) => {
    const headers = { authorization: `Bearer ${operator}` };
    const payload = body === undefined ? {} : { payload: body };
    const answer = await api.inject({ method, url: path, headers, ...payload });
    return { status: answer.statusCode, body: answer.payload };
  };
}

/** Runs a line as a shell would, parted by blanks, without "culvert". */
export async function culvert(
  line: string,
  request: Request,
  options: Partial<ProgramOptions> = {},
): Promise<Run> {
  const [out, err]: [string[], string[]] = [[], []];
  const program = createProgram({
    client: () => new Client(request),
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    ...options,
  });
  const status = await program.run(line.split(' ').filter((word) => word !== ''));
  return { status, out: out.join(''), err: err.join('') };
}
