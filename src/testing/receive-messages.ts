import type { Message, Subscription } from '@google-cloud/pubsub';

/**
 * Collects what a subscription delivers, acknowledging as it comes. A message that is delivered again, as Pub/Sub does
 * whenever an acknowledgement comes too late, is counted once; one that was published twice has two ids, and counts
 * twice.
 *
 * @param onMessage is called for each message once, in the order in which they first came.
 * @returns The messages so far, in that order; it grows while the subscription is open.
 */
export function receiveMessages(
  subscription: Subscription,
  onMessage: (message: Message) => void = () => {},
): readonly Message[] {
  const ids = new Set<string>();
  const messages: Message[] = [];
  subscription.on('message', (message) => {
    message.ack();
    if (ids.has(message.id)) return;
    ids.add(message.id);
    messages.push(message);
    onMessage(message);
  });
  return messages;
}
