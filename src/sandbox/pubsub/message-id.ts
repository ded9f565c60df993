/** Message ids are 16 decimal digits: microseconds since 1970 at the server's start, plus one per message. */
export const MESSAGE_ID_LENGTH = 16;

export function writeMessageId(target: Buffer, at: number, id: number): void {
  writeDigits(target, at, Math.floor(id / 1e8));
  writeDigits(target, at + 8, id % 1e8);
}

function writeDigits(target: Buffer, at: number, value: number): void {
  let rest = value | 0;
  for (let i = at + 7; i >= at; i -= 1) {
    const tenth = (rest / 10) | 0;
    target[i] = 48 + rest - tenth * 10;
    rest = tenth;
  }
}

/** An encoded PublishResponse with `count` ids from `firstId` on. */
export function encodePublishResponse(firstId: number, count: number): Buffer {
  const target = Buffer.allocUnsafe(count * (MESSAGE_ID_LENGTH + 2));
  for (let i = 0, at = 0; i < count; i += 1, at += MESSAGE_ID_LENGTH + 2) {
    target[at] = 0x0a;
    target[at + 1] = MESSAGE_ID_LENGTH;
    writeMessageId(target, at + 2, firstId + i);
  }
  return target;
}
