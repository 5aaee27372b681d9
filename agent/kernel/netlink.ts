/**
 * Talks rtnetlink(7) to the kernel; the only door to the package `netlink`. Dumps come back
 * as message header and attributes by number, requests go out typed; what the numbers mean
 * is said in `link.ts`, `address.ts` and `route.ts`.
 *
 * The package decodes attributes itself, but refuses a whole dump for one attribute of an
 * unexpected length; a gateway has drivers nobody foresaw, so attributes stay bytes here.
 *
 * @module
 */
import {
  createRtNetlink,
  Flags,
  FlagsGet,
  FlagsNew,
  formatAttribute,
  getU32,
  parseAttributes,
  type RtNetlinkSocket,
  rt,
} from 'netlink';
import { ADDRESS_BITS, type Address, addressParts, formatAddress } from '../../protocol/net.ts';
import { BatchSocket, type RawRequest } from './netlink-batch.ts';
import { UnreadableError } from './unreadable-error.ts';

export type { RawRequest };

/** One message of a dump. */
export type Message = {
  /** The fixed struct in front of the attributes. */
  readonly header: Buffer;
  readonly attributes: ReadonlyMap<number, Buffer>;
};

export type Flag = keyof typeof FlagsNew;

/** What to ask of the kernel. Members are as in rtnetlink(7), spelled as the package has them. */
export type Request =
  | {
      readonly kind: 'newLink' | 'setLink' | 'delLink';
      readonly data: Parameters<RtNetlinkSocket['newLink']>[0];
      readonly attributes: NonNullable<Parameters<RtNetlinkSocket['newLink']>[1]>;
      readonly flags?: readonly Flag[];
    }
  | {
      readonly kind: 'newAddress' | 'delAddress';
      readonly data: Parameters<RtNetlinkSocket['newAddress']>[0];
      readonly attributes: NonNullable<Parameters<RtNetlinkSocket['newAddress']>[1]>;
      readonly flags?: readonly Flag[];
    };

/** Address families, socket(2). */
export const AF_INET = 2;
export const AF_INET6 = 10;

const DUMPS = {
  link: { type: rt.MessageType.GETLINK, headerBytes: rt.__LENGTH_Link },
  address: { type: rt.MessageType.GETADDR, headerBytes: rt.__LENGTH_Address },
  route: { type: rt.MessageType.GETROUTE, headerBytes: rt.__LENGTH_Route },
} as const;

/** More answers at once could fill the receive queue, and that ends the process. */
const MAX_IN_FLIGHT = 64;

/** A lost answer is otherwise waited for without end. */
const TIMEOUT_MILLISECONDS = 5_000;

/** Tries at a dump that did not change under way. */
const MAX_DUMPS = 5;

const MEANINGS: Readonly<Record<string, string>> = {
  EBUSY: 'the kernel is busy with it',
  EEXIST: 'there is one already',
  EINVAL: 'the kernel does not accept it',
  ENETDOWN: 'the link is down',
  ENETUNREACH: 'there is no way to it',
  ENODEV: 'there is no such link',
  ENOENT: 'it is not there',
  ENOMEM: 'the kernel has no memory left',
  ENOTSUP: 'the kernel does not support it',
  EADDRNOTAVAIL: 'the address is not there',
  EPERM: 'not permitted; the agent needs the capability CAP_NET_ADMIN',
  ESRCH: 'it is not there',
  ETIMEDOUT: `no answer within ${TIMEOUT_MILLISECONDS} ms`,
};

/** The kernel refused a request or did not answer. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  /** As errno(3) names it; `ENOTSUP` stands for EOPNOTSUPP too, which has the same number. */
  readonly code: string;

  constructor(code: string, options?: ErrorOptions) {
    super(`${MEANINGS[code] ?? 'the kernel refuses it'} (${code})`, options);
    this.code = code;
  }
}

/** A netlink socket in the network namespace in which the program runs. */
export class Netlink {
  #socket: RtNetlinkSocket | undefined;
  #batches: BatchSocket | undefined;
  /** Settles when the socket is free: a dump and other answers must not mix on it. */
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * Everything of one sort, as the kernel lists it.
   *
   * @param family {@link AF_INET}, {@link AF_INET6}; 0 is all. The kernel may list others too
   * @throws {NetlinkError}
   * @throws {UnreadableError}
   */
  async dump(sort: keyof typeof DUMPS, family = 0): Promise<Message[]> {
    const { type, headerBytes } = DUMPS[sort];
    const question = Buffer.alloc(headerBytes);
    question[0] = family; // the first byte of every header is the family
    for (let dump = 1; dump <= MAX_DUMPS; dump++) {
      const [messages] = await this.#take((socket) => {
        const options = { flags: FlagsGet.DUMP, timeout: TIMEOUT_MILLISECONDS };
        return socket.socket.request(type, question, options);
      });
      // Set when something changed during the dump, so that the list may miss an entry.
      if (messages.some(({ flags }) => (flags & Flags.DUMP_INTR) !== 0)) continue;
      return messages.map(({ data }) => parseMessage(data, headerBytes));
    }
    throw new NetlinkError('EINTR');
  }

  /**
   * Sends requests in order; one that is refused does not keep the others from being tried.
   *
   * @returns for each request, in order, the error or undefined
   */
  async request(requests: readonly Request[]): Promise<(NetlinkError | undefined)[]> {
    const outcomes: (NetlinkError | undefined)[] = [];
    for (let start = 0; start < requests.length; start += MAX_IN_FLIGHT) {
      const some = requests.slice(start, start + MAX_IN_FLIGHT);
      outcomes.push(
        ...(await this.#take((socket) =>
          Promise.all(
            some.map((request) =>
              send(socket, request).then(
                () => undefined,
                (error: unknown) => this.#failure(error),
              ),
            ),
          ),
        )),
      );
    }
    return outcomes;
  }

  /** Like {@link request}, for many requests: several go in one datagram. */
  async batch(requests: readonly RawRequest[]): Promise<(NetlinkError | undefined)[]> {
    const codes = await this.#take(async () => {
      if (this.#batches?.isClosed !== false) this.#batches = new BatchSocket();
      return this.#batches.send(requests, TIMEOUT_MILLISECONDS);
    });
    return codes.map((code) => (code === undefined ? undefined : new NetlinkError(code)));
  }

  close(): void {
    this.#socket?.socket.close();
    this.#socket = undefined;
    this.#batches?.close();
  }

  #take<T>(work: (socket: RtNetlinkSocket) => Promise<T>): Promise<T> {
    const result = this.#turn
      .then(() => work(this.#open()))
      .catch((error: unknown) => {
        throw this.#failure(error);
      });
    this.#turn = result.catch(() => {});
    return result;
  }

  #open(): RtNetlinkSocket {
    if (this.#socket === undefined) {
      const socket = createRtNetlink();
      // Without a listener an error of the socket would end the process.
      socket.socket.on('error', () => {
        if (this.#socket === socket) this.close();
      });
      this.#socket = socket;
    }
    return this.#socket;
  }

  /** The package's errors carry only a message. */
  #failure(error: unknown): NetlinkError {
    if (error instanceof NetlinkError) return error;
    const { message, code } = error as Error & { code?: string }; // the package throws Errors
    if (message === 'Timeout has been reached') {
      this.close(); // an answer that comes late must not meet the next question
      return new NetlinkError('ETIMEDOUT', { cause: error });
    }
    const rejected = /^Request rejected: (\S+)$/.exec(message)?.[1];
    return new NetlinkError(rejected ?? code ?? message, { cause: error });
  }
}

function send(socket: RtNetlinkSocket, request: Request): Promise<unknown> {
  const bits = (request.flags ?? []).reduce((all, flag) => all | FlagsNew[flag], 0);
  const options = { flags: bits, timeout: TIMEOUT_MILLISECONDS };
  switch (request.kind) {
    case 'newLink':
    case 'setLink':
    case 'delLink':
      return socket[request.kind](request.data, request.attributes, options);
    case 'newAddress':
    case 'delAddress':
      return socket[request.kind](request.data, request.attributes, options);
  }
}

/** @throws {UnreadableError} */
export function parseMessage(data: Buffer, headerBytes: number): Message {
  if (data.length < headerBytes) {
    throw new UnreadableError('a netlink message', `only ${data.length} bytes`);
  }
  return {
    header: data.subarray(0, headerBytes),
    attributes: parseNested(data.subarray(headerBytes)),
  };
}

/** The attributes inside an attribute, by number. @throws {UnreadableError} */
export function parseNested(data: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  try {
    parseAttributes(data, (attribute) => attributes.set(attribute.type, attribute.data));
  } catch (cause) {
    throw new UnreadableError('a netlink message', 'an attribute does not fit', { cause });
  }
  return attributes;
}

/** An unsigned number in the byte order of the machine. @throws {UnreadableError} */
export function readNumber(data: Buffer): number {
  if (data.length !== 4) {
    throw new UnreadableError('a netlink message', `a number of ${data.length} bytes, not 4`);
  }
  return getU32(data);
}

/** Up to the first zero byte, as in C. */
export function readText(data: Buffer): string {
  const end = data.indexOf(0);
  return data.toString('utf8', 0, end < 0 ? data.length : end);
}

/** @throws {UnreadableError} when the bytes are not an address of either family */
export function readAddress(data: Buffer): Address {
  if (data.length * 8 !== ADDRESS_BITS[4] && data.length * 8 !== ADDRESS_BITS[6]) {
    throw new UnreadableError('a netlink message', `an address of ${data.length} bytes`);
  }
  return formatAddress(data.length === 4 ? 4 : 6, BigInt(`0x${data.toString('hex')}`));
}

/** The bytes of an address, in network order. */
export function addressBytes(address: Address): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number)); // the quick way
  const { family, bits } = addressParts(address);
  return Buffer.from(bits.toString(16).padStart(ADDRESS_BITS[family] / 4, '0'), 'hex');
}

/** IFLA_LINKINFO for a new link of this kind. `linux:include/uapi/linux/if_link.h` */
export function linkKind(kind: string): Buffer {
  const IFLA_INFO_KIND = 1;
  return Buffer.concat(formatAttribute({ type: IFLA_INFO_KIND, data: Buffer.from(`${kind}\0`) }));
}
