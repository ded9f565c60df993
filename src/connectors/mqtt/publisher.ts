import { setTimeout as sleep } from 'node:timers/promises';
import type { IConnackPacket, MqttClient } from 'mqtt';
import { RetryableError, toError } from '../../core/errors.ts';
import { createMqttClient, type MqttConnectionConfig, renewFiles } from './client.ts';

/** PUBACK reason code of MQTT 5: the message was accepted, and there are no subscribers. */
export const NO_MATCHING_SUBSCRIBERS = 0x10;

/** A connection that the broker has not closed by then is cut. */
const CLOSE_MS = 5_000;

/** A connected client, and the broker's CONNACK. */
export interface ConnectedPublisher {
  readonly client: MqttClient;
  readonly connack: IConnackPacket;
}

/**
 * Connects a client that only publishes, with a session that ends with it. The first connection must succeed. Later
 * ones are retried, and unconfirmed messages are sent again.
 *
 * @throws FatalError if a configured file cannot be read, RetryableError if the broker refuses the connection.
 */
export async function connectPublisher(config: MqttConnectionConfig): Promise<ConnectedPublisher> {
  const client = createMqttClient({ ...config, sessionExpirySeconds: 0 }, { clean: true });
  const { promise, resolve, reject } = Promise.withResolvers<IConnackPacket>();
  client.once('connect', (connack) => {
    Object.assign(client.options, { reconnectPeriod: config.reconnectMinMs, reconnectOnConnackError: true });
    resolve(connack);
  });
  client.on('reconnect', () => {
    try {
      renewFiles(client, config);
    } catch {
      // The current files may still work; if not, the next attempt reads them again.
    }
  });
  // After the first connection, these have no effect: the client reconnects.
  client.on('error', (error) => reject(error));
  client.on('close', () => reject(new Error('the broker closed the connection')));
  client.connect();
  try {
    return { client, connack: await promise };
  } catch (thrown) {
    await closePublisher(client, { force: true });
    const address = new URL(config.url);
    throw new RetryableError(`${address.protocol}//${address.host}: ${causeOf(thrown)}`, { cause: thrown });
  }
}

/** Returns the cause of an error. Node wraps the errors of several addresses in one without a message. */
function causeOf(thrown: unknown): string {
  const error = toError(thrown);
  if (error instanceof AggregateError && error.message === '') return error.errors.map(causeOf).join(', ');
  return error.message;
}

/** Closes the connection after pending writes, or immediately if nothing waits for them (`force`). */
export async function closePublisher(client: MqttClient, { force }: { readonly force: boolean }): Promise<void> {
  // The stream closes only after `end`, and MQTT.js 5.16 would then reconnect.
  client.options.reconnectPeriod = 0;
  if (force || !client.connected) {
    await client.endAsync(true);
    return;
  }
  const ended = client.endAsync().then(() => true);
  const inTime = await Promise.race([ended, sleep(CLOSE_MS, false, { ref: false })]);
  if (!inTime) client.stream.destroy();
}
