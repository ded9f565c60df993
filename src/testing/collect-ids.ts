import { PubSub } from '@google-cloud/pubsub';
import { decodeEnvelope } from '../formats/envelope/envelope.ts';
import { receiveMessages } from './receive-messages.ts';

/** Messages that a subscription has delivered so far, each counted once. */
export interface Collected {
  /** Count of each envelope id. */
  readonly ids: ReadonlyMap<string, number>;
  /** Total of messages. */
  readonly total: number;
  close(): Promise<void>;
}

/** Collects and acknowledges the envelope ids of all messages of a subscription. */
export function collectIds(projectId: string, subscriptionId: string): Collected {
  const pubsub = new PubSub({ projectId });
  const subscription = pubsub.subscription(subscriptionId, { flowControl: { maxMessages: 10_000 } });
  const ids = new Map<string, number>();
  const messages = receiveMessages(subscription, ({ data }) => {
    const { id } = decodeEnvelope(data);
    ids.set(id, (ids.get(id) ?? 0) + 1);
  });
  return {
    ids,
    get total() {
      return messages.length;
    },
    close: async () => {
      await subscription.close();
      await pubsub.close();
    },
  };
}
