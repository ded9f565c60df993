import { connectAsync, type MqttClient } from 'mqtt';
import type { Reading } from './fleet.ts';

export interface PublishOptions {
  readonly url: string;
  /** Readings a second; undefined is as fast as the broker takes them. */
  readonly ratePerSecond?: number | undefined;
  /** Unconfirmed publishes at one time. */
  readonly window?: number;
  readonly onSending?: (reading: Reading) => void;
  readonly onPublished?: (reading: Reading) => void;
  /** Stops early; what was confirmed until then is what was published. */
  readonly signal?: AbortSignal;
}

const DEFAULT_WINDOW = 500;

/**
 * Publishes readings at QoS 1 over one connection, so that each device's order is kept, and resolves with the number
 * that the broker has confirmed.
 */
export async function publishReadings(readings: Iterable<Reading>, options: PublishOptions): Promise<number> {
  const client = await connectAsync(options.url, { clientId: `fleet-${process.pid}-${Date.now()}` });
  try {
    return await publishAll(client, readings, options);
  } finally {
    await client.endAsync();
  }
}

async function publishAll(client: MqttClient, readings: Iterable<Reading>, options: PublishOptions): Promise<number> {
  const { ratePerSecond, window = DEFAULT_WINDOW, onSending, onPublished, signal } = options;
  const started = performance.now();
  let sent = 0;
  let confirmed = 0;
  let problem: Error | undefined;
  let wake: () => void = () => {};
  const settled = (reading: Reading) => (error?: Error | null) => {
    if (error) problem = error;
    else {
      confirmed += 1;
      onPublished?.(reading);
    }
    wake();
  };
  const room = () => new Promise<void>((resolve) => (wake = resolve));
  for (const reading of readings) {
    if (signal?.aborted || problem !== undefined) break;
    if (ratePerSecond !== undefined) await until(started + (sent * 1_000) / ratePerSecond);
    while (sent - confirmed >= window && problem === undefined) await room();
    onSending?.(reading);
    client.publish(reading.topic, reading.payload, { qos: 1 }, settled(reading));
    sent += 1;
  }
  while (confirmed < sent && problem === undefined) await room();
  if (problem !== undefined) throw problem;
  return confirmed;
}

async function until(time: number): Promise<void> {
  const waitMs = time - performance.now();
  if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
}
