import type { Observable, Subscription } from 'rxjs';

/** What waits for a client that reads slowly, in bytes; further values are left out until it has read. */
const MAX_WAITING_BYTES = 256 * 1024;

export interface EventStreamOptions<T> {
  /** Called for each value that is left out, since the client does not read. */
  readonly onSkipped?: (value: T) => void;
  /** Called once, when the client is gone or the values have ended. */
  readonly onClosed?: () => void;
}

/**
 * Streams values to a client as server-sent events, one JSON text each, until it leaves or the values complete. It holds no
 * more than 256 KiB for a client that does not read.
 */
export function eventStream<T>(values: Observable<T>, { onSkipped, onClosed }: EventStreamOptions<T> = {}): Response {
  const encoder = new TextEncoder();
  let subscription: Subscription | undefined;
  let isClosed = false;
  const close = (): void => {
    if (isClosed) return;
    isClosed = true;
    subscription?.unsubscribe();
    onClosed?.();
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        // Headers leave with the first bytes.
        controller.enqueue(encoder.encode(':\n\n'));
        const end = (): void => {
          if (isClosed) return;
          close();
          controller.close();
        };
        subscription = values.subscribe({
          next: (value) => {
            if (isClosed) return;
            if ((controller.desiredSize ?? 0) <= 0) onSkipped?.(value);
            else controller.enqueue(encoder.encode(`data: ${JSON.stringify(value)}\n\n`));
          },
          error: end,
          complete: end,
        });
        if (isClosed) subscription.unsubscribe();
      },
      cancel: close,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_WAITING_BYTES }),
  );
  return new Response(stream, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      // Proxies that follow nginx hold answers back otherwise.
      'x-accel-buffering': 'no',
    },
  });
}
