/** Bytes that compression and encodings change. */
export function largeData(bytes: number): Buffer {
  const data = Buffer.alloc(bytes);
  for (let index = 0; index < bytes; index += 1) data[index] = (index * 31 + (index >> 8)) & 0xff;
  return data;
}
