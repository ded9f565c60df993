import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { BehaviorSubject, type Observable, type SchedulerLike } from 'rxjs';
import * as v from 'valibot';
import { createMqttClient } from '../connectors/mqtt/client.ts';
import { mqttSourceSchema } from '../connectors/mqtt/config.ts';
import { MqttSource } from '../connectors/mqtt/source.ts';
import type { MqttSubscription } from '../connectors/mqtt/subscriptions.ts';
import type { Scope } from './scope.ts';
import type { BrokerConnection } from './scripted-broker.ts';
import { SourceHarness, type SourceHarnessOptions } from './source-harness.ts';

const DEVICES: readonly MqttSubscription[] = [{ filter: 'devices/+', qos: 1 }];

/** Settings as in a `pipeline.yaml`. */
type MqttSettings = Partial<v.InferInput<typeof mqttSourceSchema>>;

export interface MqttHarnessOptions {
  /** The first list of subscriptions. Default: `devices/+` at QoS 1. */
  readonly subscriptions?: readonly MqttSubscription[];
  /** A stop signal in addition to `stop()`. */
  readonly stop?: Observable<unknown>;
  /** Changes the client before it connects. */
  readonly prepare?: (client: MqttClient) => void;
  /** The source's clock and timers. Default: real time. */
  readonly scheduler?: SchedulerLike;
}

/** An MQTT source with its production client. */
export class MqttHarness extends SourceHarness<MqttSource> {
  readonly client: MqttClient;
  readonly subscriptions: BehaviorSubject<readonly MqttSubscription[]>;

  constructor(
    scope: Scope,
    client: MqttClient,
    subscriptions: BehaviorSubject<readonly MqttSubscription[]>,
    options: SourceHarnessOptions<MqttSource>,
  ) {
    super(scope, options);
    this.client = client;
    this.subscriptions = subscriptions;
  }

  /** Resolves once the broker has received all bytes of the client, and the client has received the responses. */
  async roundTrip(connection: BrokerConnection): Promise<void> {
    const { client } = this;
    // Earlier packets of the broker, such as a PUBLISH, arrive before the PINGRESP.
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
    // The source may write its responses only in the next turn.
    await nextTurn();
    await nextTurn();
  }
}

let clients = 0;

/** Starts an MQTT source that reconnects within 30 ms, and ends it with `scope` in any state. */
export function startMqttSource(
  scope: Scope,
  url: string,
  settings: MqttSettings = {},
  { subscriptions: wanted = DEVICES, stop, prepare, scheduler }: MqttHarnessOptions = {},
): MqttHarness {
  clients += 1;
  const config = v.parse(mqttSourceSchema, {
    url,
    clientId: `test-${process.pid}-${clients}`,
    reconnectMinMs: 10,
    reconnectMaxMs: 30,
    ...settings,
  });
  const client = createMqttClient(config);
  prepare?.(client);
  const subscriptions = new BehaviorSubject(wanted);
  const timing = scheduler === undefined ? {} : { scheduler };
  return new MqttHarness(scope, client, subscriptions, {
    limits: { maxMessages: config.maxInFlight, maxBytes: config.maxInFlightBytes },
    stop,
    create: ({ context, telemetry, readiness }) =>
      new MqttSource({ client, config, subscriptions, context, telemetry, readiness, ...timing }),
  });
}
