import type { Observable, Subscription } from 'rxjs';

/** The most bytes that are buffered for a slow client; further values are omitted until it has read. */
const MAX_WAITING_BYTES = 256 * 1024;

export interface EventStreamOptions<T> {
  /** Called for each value that is omitted because the client does not read. */
  readonly onSkipped?: (value: T) => void;
  /** Called once, when the client has disconnected or the values have ended. */
  readonly onClosed?: () => void;
}

/**
 * Streams values to a client as server-sent events, one JSON text each, until the client disconnects or the values
 * complete. Buffers at most 256 KiB for a client that does not read.
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
        // Headers are sent with the first bytes.
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
      // Otherwise nginx and compatible proxies buffer responses.
      'x-accel-buffering': 'no',
    },
  });
}
