/**
 * Many requests in one datagram: the kernel works through them in order, and only the last
 * asks for an answer; one that is refused answers all the same (netlink(7)). Ten thousand
 * routes go in some 80 datagrams instead of 10,000, which is what makes it fast.
 *
 * @module
 */
import { getSystemErrorName } from 'node:util';
import { getU32, Protocol, parseMessages, RawNetlinkSocket } from 'netlink';
import { write16, write32 } from './native-order.ts';

/** A request as it goes on the wire, without the header. */
export type RawRequest = {
  /** nlmsg_type, for example RTM_NEWROUTE. */
  readonly type: number;
  /** nlmsg_flags beside those that the batch sets itself. */
  readonly flags: number;
  /** Fixed struct and attributes; every one of them ends at a border of four bytes. */
  readonly payload: Buffer;
};

/** More refusals at once could fill the receive queue, and that ends the process. */
const MAX_REQUESTS = 128;

const HEADER_BYTES = 16;
const NLMSG_ERROR = 2;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;

export class BatchSocket {
  readonly #socket = new RawNetlinkSocket(Protocol.ROUTE);
  readonly #port = this.#socket.address().port;
  #sequence = 0;
  #isClosed = false;
  #listen: (sequence: number, code: string | undefined) => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor() {
    this.#socket.on('message', (datagram) => this.#read(datagram));
    // Without a listener an error of the socket would end the process.
    this.#socket.on('error', (error) => this.#fail(error));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
  }

  /**
   * Sends requests in order; one that is refused does not keep the others from being tried.
   * One call at a time.
   *
   * @returns for each request, in order, the name of the error (errno(3)) or undefined
   * @throws {Error} when the socket fails or an answer stays out; the socket is closed then,
   *   and what was done is not known
   */
  async send(
    requests: readonly RawRequest[],
    timeoutMilliseconds: number,
  ): Promise<(string | undefined)[]> {
    const codes: (string | undefined)[] = [];
    for (let start = 0; start < requests.length; start += MAX_REQUESTS) {
      const some = requests.slice(start, start + MAX_REQUESTS);
      codes.push(...(await this.#sendOne(some, timeoutMilliseconds)));
    }
    return codes;
  }

  #sendOne(
    requests: readonly RawRequest[],
    timeoutMilliseconds: number,
  ): Promise<(string | undefined)[]> {
    const first = this.#sequence + 1;
    this.#sequence += requests.length;
    const last = this.#sequence;
    const codes = new Array<string | undefined>(requests.length).fill(undefined);
    return new Promise<(string | undefined)[]>((resolve, reject) => {
      const timer = setTimeout(
        () => this.#fail(new Error('Timeout has been reached')),
        timeoutMilliseconds,
      );
      this.#fail = (error) => {
        clearTimeout(timer);
        this.close(); // an answer that comes late must not meet the next question
        reject(error);
      };
      this.#listen = (sequence, code) => {
        if (sequence < first || sequence > last) return;
        codes[sequence - first] = code;
        if (sequence !== last) return;
        clearTimeout(timer);
        resolve(codes);
      };
      const datagram = this.#format(requests, first);
      this.#socket.send(datagram, {}, (error) => {
        if (error) this.#fail(error);
      });
    });
  }

  #format(requests: readonly RawRequest[], firstSequence: number): Buffer {
    const length = requests.reduce((sum, { payload }) => sum + HEADER_BYTES + payload.length, 0);
    const datagram = Buffer.alloc(length);
    let at = 0;
    for (const [index, { type, flags, payload }] of requests.entries()) {
      const ack = index === requests.length - 1 ? NLM_F_ACK : 0;
      // struct nlmsghdr
      write32(datagram, HEADER_BYTES + payload.length, at);
      write16(datagram, type, at + 4);
      write16(datagram, flags | NLM_F_REQUEST | ack, at + 6);
      write32(datagram, firstSequence + index, at + 8);
      write32(datagram, this.#port, at + 12);
      payload.copy(datagram, at + HEADER_BYTES);
      at += HEADER_BYTES + payload.length;
    }
    return datagram;
  }

  #read(datagram: Buffer): void {
    for (const { type, seq, data } of parseMessages(datagram)) {
      if (type !== NLMSG_ERROR) continue;
      const error = getU32(data.subarray(0, 4)) | 0; // negative errno(3); 0 is success
      this.#listen(seq, error === 0 ? undefined : getSystemErrorName(error));
    }
  }
}
