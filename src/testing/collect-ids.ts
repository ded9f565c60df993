import { PubSub } from '@google-cloud/pubsub';
import { decodeEnvelope } from '../core/envelope.ts';

/** What a subscription has delivered so far. */
export interface Collected {
  /** How often each envelope id came. */
  readonly ids: ReadonlyMap<string, number>;
  /** Messages in all. */
  readonly total: number;
  close(): Promise<void>;
}

/** Collects the envelope ids of everything that a subscription delivers, acknowledging as it goes. */
export function collectIds(projectId: string, subscriptionId: string): Collected {
  const pubsub = new PubSub({ projectId });
  const subscription = pubsub.subscription(subscriptionId, { flowControl: { maxMessages: 10_000 } });
  const ids = new Map<string, number>();
  let total = 0;
  subscription.on('message', (message) => {
    const { id } = decodeEnvelope(message.data);
    ids.set(id, (ids.get(id) ?? 0) + 1);
    total += 1;
    message.ack();
  });
  return {
    ids,
    get total() {
      return total;
    },
    close: async () => {
      await subscription.close();
      await pubsub.close();
    },
  };
}
