/**
 * Numbers in the byte order of the machine, as netlink(7) has them. Pure.
 *
 * @module
 */
const IS_LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

export function write16(target: Buffer, value: number, at: number): void {
  if (IS_LITTLE) target.writeUInt16LE(value, at);
  else target.writeUInt16BE(value, at);
}

export function write32(target: Buffer, value: number, at: number): void {
  if (IS_LITTLE) target.writeUInt32LE(value, at);
  else target.writeUInt32BE(value, at);
}
