import type { Message, Subscription } from '@google-cloud/pubsub';

/**
 * Collects and acknowledges the messages of a subscription. A message that is redelivered, as after a late
 * acknowledgment, is counted once. One that was published twice has two ids, and counts twice.
 *
 * @param onMessage is called once per message, in the order of first arrival.
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
