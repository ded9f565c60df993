/** What aedes keeps of a message for one session. The object is the store's own. */
interface StoredMessage {
  messageId?: number | undefined;
  retain?: boolean;
}

interface Session {
  readonly id: string;
}

/** A subscription that a message matches. */
interface Matching {
  readonly clientId: string;
}

interface Store {
  outgoingStream(session: Session): AsyncIterable<StoredMessage>;
  outgoingEnqueueCombi(subscriptions: readonly Matching[], message: StoredMessage): Promise<void>;
  outgoingUpdate(session: Session, message: StoredMessage): Promise<void>;
  outgoingClearMessageId(session: Session, message: StoredMessage): Promise<unknown>;
}

/**
 * Corrects how aedes 1.2 keeps messages for sessions, so that a session loses none of them:
 *
 * - A message that is published while a session is resumed is sent twice: as a new one, and out of the store. If the
 *   client has acknowledged one before aedes comes to the other, aedes ends the connection ("no such packet").
 * - A message that two filters of a session match is stored twice and sent once. The second time it is found to be sent
 *   already, and is then deleted by a packet id that it does not have yet: whichever message without one comes first is
 *   gone.
 * - A stored message keeps RETAIN, which marks messages that SUBSCRIBE has brought, and no others (MQTT-3.3.1-9).
 *
 * Returns a function to be called before the session of a client is resumed. It forgets the packet ids of the connection
 * before: aedes finds an acknowledged message by packet id alone, and stored messages keep their ids until they are sent
 * again. A PUBACK could therefore delete a message that was never sent, in about every tenth resumed session with a
 * backlog of thousands.
 */
export function correctStoredMessages(broker: object): (clientId: string) => Promise<void> {
  const store = storeOf(broker);
  const { outgoingStream, outgoingEnqueueCombi, outgoingUpdate, outgoingClearMessageId } = store;
  store.outgoingStream = (session) => notSent(outgoingStream.call(store, session));
  store.outgoingEnqueueCombi = (subscriptions, message) =>
    outgoingEnqueueCombi.call(
      store,
      oneForEachSession(subscriptions),
      message.retain ? { ...message, retain: false } : message,
    );
  store.outgoingUpdate = (session, message) => outgoingUpdate.call(store, session, message).catch(ifAcknowledged);
  store.outgoingClearMessageId = async (session, message) =>
    message.messageId === undefined ? undefined : outgoingClearMessageId.call(store, session, message);
  return async (id) => {
    for await (const message of outgoingStream.call(store, { id })) message.messageId = undefined;
  };
}

function oneForEachSession(subscriptions: readonly Matching[]): readonly Matching[] {
  if (subscriptions.length < 2) return subscriptions;
  return [...new Map(subscriptions.map((subscription) => [subscription.clientId, subscription])).values()];
}

/** What has a packet id was sent over this connection. */
async function* notSent(messages: AsyncIterable<StoredMessage>): AsyncIterable<StoredMessage> {
  for await (const message of messages) if (message.messageId === undefined) yield message;
}

/** The other copy is acknowledged: this one is sent once more, and its PUBACK changes nothing. */
function ifAcknowledged(thrown: unknown): void {
  if (!(thrown instanceof Error) || thrown.message !== 'no such packet') throw thrown;
}

function storeOf(broker: object): Store {
  if (!('persistence' in broker) || !isStore(broker.persistence)) throw new Error('aedes has no message store');
  return broker.persistence;
}

function isStore(value: unknown): value is Store {
  return typeof value === 'object' && value !== null && 'outgoingStream' in value;
}
