import * as assert from 'uvu/assert';

/** Checks that ids `<run>-<device>-<sequence>` come in order, from the first of each of so many devices on. */
export function assertOrder(ids: readonly string[], devices: number): void {
  const next = new Map<string, number>();
  for (const id of ids) {
    const cut = id.lastIndexOf('-');
    const [device, sequence] = [id.slice(0, cut), Number(id.slice(cut + 1))];
    const expected = next.get(device) ?? 0;
    assert.is(sequence, expected, `${id} is out of order: ${expected} is next`);
    next.set(device, sequence + 1);
  }
  assert.is(next.size, devices, 'devices');
}
