/** Batches as in hand-written code: sent when full or old, with a few in flight. */
export interface HandBatches<T> {
  add(item: T): void;
}

export interface HandBatchOptions {
  readonly maxCount: number;
  readonly delayMs: number;
  readonly concurrency: number;
}

export function handBatches<T>(
  { maxCount, delayMs, concurrency }: HandBatchOptions,
  send: (batch: readonly T[]) => Promise<unknown>,
): HandBatches<T> {
  let waiting: T[] = [];
  let underWay = 0;
  let isTimed = false;
  /** The timer fired while all calls were in flight. */
  let isOverdue = false;
  const flush = (): void => {
    while (underWay < concurrency && (waiting.length >= maxCount || (isOverdue && waiting.length > 0))) {
      const batch = waiting.slice(0, maxCount);
      waiting = waiting.slice(maxCount);
      underWay += 1;
      void send(batch).then(() => {
        underWay -= 1;
        flush();
      });
    }
    if (waiting.length === 0) isOverdue = false;
  };
  return {
    add: (item) => {
      if (waiting.push(item) >= maxCount) flush();
      if (isTimed) return;
      isTimed = true;
      setTimeout(() => {
        isTimed = false;
        isOverdue = true;
        flush();
      }, delayMs);
    },
  };
}
