import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { BehaviorSubject, merge, NEVER, type Observable, Subject } from 'rxjs';
import * as v from 'valibot';
import { createMqttClient } from '../clients/mqtt.ts';
import type { Delivery } from '../core/delivery.ts';
import { Readiness } from '../core/readiness.ts';
import { mqttSourceSchema } from '../sources/mqtt/config.ts';
import { MqttSource } from '../sources/mqtt/mqtt-source.ts';
import type { MqttSubscription } from '../sources/mqtt/subscriptions.ts';
import type { EventName } from '../telemetry/events.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { eventually } from './eventually.ts';
import type { BrokerConnection } from './scripted-broker.ts';
import { type TestDesk, testDesk } from './test-desk.ts';

/** Settings as a `pipeline.yaml` has them. */
export type MqttSettings = Partial<v.InferInput<typeof mqttSourceSchema>>;

/** An MQTT source with the client that it has in production, and everything that a test wants to see of it. */
export interface MqttRig {
  readonly source: MqttSource;
  readonly client: MqttClient;
  readonly desk: TestDesk;
  readonly readiness: Readiness;
  readonly subscriptions: BehaviorSubject<readonly MqttSubscription[]>;
  readonly deliveries: readonly Delivery[];
  /** The payloads of the deliveries, as text. */
  readonly texts: readonly string[];
  readonly completed: boolean;
  readonly error: unknown;
  /** The stop signal. */
  stop(): void;
  /** Unsubscribes. */
  abort(): void;
  /** The fields of each event of that name. */
  events(name: EventName): readonly Record<string, unknown>[];
  /** Acknowledges the nth delivery. */
  ack(index: number): void;
  /** Resolves once so many deliveries have come. */
  received(count: number): Promise<void>;
  /** Resolves when everything that the client had to write by now has reached the broker, and its answer the client. */
  roundTrip(connection: BrokerConnection): Promise<void>;
  /** Ends the source, whatever its state. */
  close(): Promise<void>;
}

export const DEVICES: readonly MqttSubscription[] = [{ filter: 'devices/+', qos: 1 }];

let clients = 0;

/** Starts an MQTT source that reconnects at once; `subscriptions` default to `DEVICES`; `prepare` may change its client. */
export function startMqttRig(
  url: string,
  settings: MqttSettings = {},
  wanted: readonly MqttSubscription[] = DEVICES,
  stop: Observable<unknown> = NEVER,
  prepare: (client: MqttClient) => void = () => {},
): MqttRig {
  clients += 1;
  const config = v.parse(mqttSourceSchema, {
    url,
    clientId: `rig-${process.pid}-${clients}`,
    reconnectMinMs: 20,
    reconnectMaxMs: 100,
    ...settings,
  });
  const lines: { event?: EventName }[] = [];
  const telemetry = new Telemetry('rig', {
    level: 'debug',
    processMetrics: false,
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const readiness = new Readiness();
  const desk = testDesk({ maxMessages: config.maxInFlight, maxBytes: config.maxInFlightBytes });
  const client = createMqttClient(config);
  prepare(client);
  const subscriptions = new BehaviorSubject(wanted);
  const source = new MqttSource({ client, config, subscriptions, desk, telemetry, readiness });
  const stopped = new Subject<void>();
  const deliveries: Delivery[] = [];
  const state: { completed: boolean; error: unknown } = { completed: false, error: undefined };
  const running = source.deliveries(merge(stop, stopped)).subscribe({
    next: (delivery) => deliveries.push(delivery),
    error: (error) => {
      state.error = error;
    },
    complete: () => {
      state.completed = true;
    },
  });
  return {
    source,
    client,
    desk,
    readiness,
    subscriptions,
    deliveries,
    get texts() {
      return deliveries.map(({ message }) => Buffer.from(message.payload).toString());
    },
    get completed() {
      return state.completed;
    },
    get error() {
      return state.error;
    },
    stop: () => stopped.next(),
    abort: () => running.unsubscribe(),
    events: (name) => lines.filter(({ event }) => event === name),
    ack(index) {
      const delivery = deliveries[index];
      if (delivery === undefined) throw new Error(`there is no delivery ${index}`);
      delivery.ack();
    },
    received: (count) =>
      eventually(() => {
        if (deliveries.length < count) throw new Error(`${deliveries.length} of ${count} deliveries have come`);
      }),
    async roundTrip(connection) {
      // The broker's answers of now, such as a PUBLISH that it has just written, come before the PINGRESP.
      const answered = new Promise<void>((resolve) => {
        const onPacket = ({ cmd }: { cmd?: string }): void => {
          if (cmd !== 'pingresp') return;
          client.off('packetreceive', onPacket);
          resolve();
        };
        client.on('packetreceive', onPacket);
      });
      const pings = connection.of('pingreq').length;
      await nextTurn();
      client.sendPing();
      await answered;
      if (connection.of('pingreq').length === pings) throw new Error('the ping went over another connection');
      // What the last of those packets has led to may be written in the next turn only.
      await nextTurn();
      await nextTurn();
    },
    async close() {
      running.unsubscribe();
      source.abort();
      await source.disconnected;
    },
  };
}
