import type { Observable } from 'rxjs';
import * as assert from 'uvu/assert';
import type { Delivery } from '../../../src/core/delivery.ts';
import { MessageView } from '../../../src/core/message-path.ts';

/** Records each device's sequence numbers in the order in which they pass a probe. */
export function sequencesOf(probe: Observable<Delivery>): Map<string, number[]> {
  const sequences = new Map<string, number[]>();
  probe.subscribe(({ message }) => {
    const payload: unknown = new MessageView(message).payload;
    if (typeof payload !== 'object' || payload === null || !('device_id' in payload) || !('sequence' in payload))
      return;
    const known = sequences.get(String(payload.device_id)) ?? [];
    known.push(Number(payload.sequence));
    sequences.set(String(payload.device_id), known);
  });
  return sequences;
}

/**
 * Asserts that all of each device's readings have passed in order. Repetitions are allowed: delivery is at least once.
 */
export function assertInOrder(
  sequences: ReadonlyMap<string, readonly number[]>,
  expected: number,
  stage: string,
): void {
  let total = 0;
  for (const [device, numbers] of sequences) {
    const first = [...new Set(numbers)];
    assert.equal(
      first,
      Array.from(first, (_, index) => index),
      `${stage}: the readings of ${device} in order`,
    );
    total += first.length;
  }
  assert.is(total, expected, `${stage}: every reading`);
}
