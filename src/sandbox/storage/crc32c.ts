/** CRC-32C (Castagnoli, RFC 3720 B.4): the reflected polynomial, one table entry per byte value. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** Returns the CRC-32C of `bytes` as Cloud Storage writes it: base64 of the four bytes, big-endian. */
export function crc32c(bytes: Uint8Array): string {
  let value = -1;
  for (const byte of bytes) value = (TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(~value >>> 0);
  return sum.toString('base64');
}
