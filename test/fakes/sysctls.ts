/**
 * The network sysctls of a fake kernel, as far as the agent asks for them.
 *
 * @module
 * @see `linux:Documentation/networking/ip-sysctl.rst`
 */

/** A fresh kernel's. A new link gets what `default` has. */
const FRESH = ['all', 'default'].flatMap((scope): [key: string, value: string][] => [
  [`net/ipv4/conf/${scope}/forwarding`, '0'],
  [`net/ipv6/conf/${scope}/forwarding`, '0'],
  [`net/ipv6/conf/${scope}/accept_ra`, '1'],
]);

export class FakeSysctls {
  readonly #values = new Map(FRESH);
  /** What each value was before anybody wrote it. */
  readonly #fresh = new Map(FRESH);

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** Values of the keys that a pattern means; `*` stands for one name. */
  matching(patterns: readonly string[]): Map<string, string> {
    return new Map([...this.#values].filter(([key]) => patterns.some((p) => isMeant(key, p))));
  }

  /**
   * `all/forwarding` is written through to every link and to `default`; for IPv4 only when its
   * value changes (`linux:net/ipv4/devinet.c`, devinet_sysctl_forward).
   */
  write(key: string, value: string): void {
    const isChange = this.#values.get(key) !== value;
    this.#values.set(key, value);
    const [, family] = /^net\/(ipv[46])\/conf\/all\/forwarding$/.exec(key) ?? [];
    if (family === undefined || (family === 'ipv4' && !isChange)) return;
    for (const other of this.matching([key.replace('/all/', '/*/')]).keys()) {
      this.#values.set(other, value);
    }
  }

  /** As the host had it when the agent came. */
  assume(key: string, value: string): void {
    this.#values.set(key, value);
    this.#fresh.set(key, value);
  }

  addLink(name: string): void {
    for (const [key, value] of [...this.#values]) {
      const own = key.replace('/conf/default/', `/conf/${name}/`);
      if (own !== key && !this.has(own)) this.assume(own, value);
    }
  }

  removeLink(name: string): void {
    for (const key of [...this.#values.keys()]) {
      if (key.includes(`/conf/${name}/`)) this.#values.delete(key);
    }
  }

  /** What is not as it was before anybody wrote it. */
  written(): [key: string, value: string][] {
    return [...this.#values].filter(([key, value]) => value !== this.#fresh.get(key));
  }
}

function isMeant(key: string, pattern: string): boolean {
  const names = key.split('/');
  const expected = pattern.split('/');
  return (
    expected.length === names.length &&
    expected.every((name, index) => name === '*' || name === names[index])
  );
}
