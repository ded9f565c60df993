import { connectAsync } from 'mqtt';
import type { Scope } from './scope.ts';

/** A message as received by a subscriber. */
export interface CollectedMqttMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
}

/** Collects all messages for a filter, at QoS 2, in order; ends with the scope. */
export async function collectMqtt(scope: Scope, url: string, filter = '#'): Promise<readonly CollectedMqttMessage[]> {
  const client = await connectAsync(url);
  scope.defer(() => client.endAsync());
  const collected: CollectedMqttMessage[] = [];
  client.on('message', (topic, payload, { qos }) => collected.push({ topic, payload, qos }));
  await client.subscribeAsync(filter, { qos: 2 });
  return collected;
}
