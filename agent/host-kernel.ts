/**
 * This host's kernel, able to give its WireGuard device the key of this host's identity.
 *
 * @module
 */
import { type Identity, wireguardPublicKey } from './identity.ts';
import { createKernel, type RealKernel } from './kernel/kernel.ts';

/** @param identity undefined for a host that keeps none: then no device can be given a key */
export function hostKernel(identity: Identity | undefined): RealKernel {
  const own = identity && wireguardPublicKey(identity);
  return createKernel({
    nowSeconds: () => Math.floor(Date.now() / 1000),
    privateKeyOf(publicKey) {
      if (identity === undefined || publicKey !== own) {
        throw new RangeError(`Cannot give a key: ${publicKey} is not this host's`);
      }
      return identity.wireguardPrivateKey;
    },
  });
}
