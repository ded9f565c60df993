import { OutgoingQueue, type StoredMessage } from './outgoing-queue.ts';

interface Session {
  readonly id: string;
}

/** A subscription that matches a message. */
interface Matching {
  readonly clientId: string;
}

interface Store {
  outgoingStream(session: Session): AsyncIterable<StoredMessage>;
  outgoingEnqueue(subscription: Matching, message: StoredMessage): Promise<void>;
  outgoingEnqueueCombi(subscriptions: readonly Matching[], message: StoredMessage): Promise<void>;
  outgoingUpdate(session: Session, message: StoredMessage): Promise<void>;
  outgoingClearMessageId(session: Session, message: StoredMessage): Promise<unknown>;
}

/**
 * Replaces how aedes 1.2 stores messages for sessions, so that a session loses none:
 *
 * - A message published while a session resumes is sent twice: as a new one, and from the store. If the client has
 *   acknowledged one before aedes reaches the other, aedes ends the connection ("no such packet").
 * - A message that matches two filters of a session is stored twice and sent once. The second copy is found to be sent
 *   already, and deleted by a packet id that it does not have yet, which removes the first message without one.
 * - Each sent or acknowledged message is searched for from the first one on: slow with thousands.
 * - A stored message keeps RETAIN, which must mark only messages delivered because of a SUBSCRIBE (MQTT-3.3.1-9).
 *
 * Returns a function to call before a client's session resumes. It clears the packet ids of the previous connection:
 * aedes finds an acknowledged message by packet id alone, and stored messages keep their ids until they are sent again.
 * Otherwise a PUBACK could delete a message that was never sent, in about every tenth resumed session with a backlog of
 * thousands.
 */
export function correctStoredMessages(broker: object): (clientId: string) => Promise<void> {
  const store = storeOf(broker);
  const queues = new Map<string, OutgoingQueue>();
  const enqueue = ({ clientId }: Matching, message: StoredMessage): void => {
    const queue = queues.get(clientId) ?? new OutgoingQueue();
    queues.set(clientId, queue);
    queue.add({ ...message, messageId: undefined });
  };
  store.outgoingStream = ({ id }) => notSent(queues.get(id)?.list() ?? []);
  store.outgoingEnqueue = async (subscription, message) => enqueue(subscription, message);
  store.outgoingEnqueueCombi = async (subscriptions, message) => {
    for (const subscription of oneForEachSession(subscriptions)) enqueue(subscription, { ...message, retain: false });
  };
  // If the other copy is acknowledged, this one is sent again, and its PUBACK has no effect.
  store.outgoingUpdate = async ({ id }, message) => {
    queues.get(id)?.update(message);
  };
  store.outgoingClearMessageId = async ({ id }, { messageId }) =>
    messageId === undefined ? undefined : queues.get(id)?.remove(messageId);
  return async (id) => queues.get(id)?.forgetPacketIds();
}

function oneForEachSession(subscriptions: readonly Matching[]): readonly Matching[] {
  if (subscriptions.length < 2) return subscriptions;
  return [...new Map(subscriptions.map((subscription) => [subscription.clientId, subscription])).values()];
}

/** Messages with a packet id were sent over this connection. */
async function* notSent(messages: readonly StoredMessage[]): AsyncIterable<StoredMessage> {
  for (const message of messages) if (message.messageId === undefined) yield message;
}

function storeOf(broker: object): Store {
  if (!('persistence' in broker) || !isStore(broker.persistence)) throw new Error('aedes has no message store');
  return broker.persistence;
}

function isStore(value: unknown): value is Store {
  return typeof value === 'object' && value !== null && 'outgoingStream' in value;
}
