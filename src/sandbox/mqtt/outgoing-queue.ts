/** A message that aedes stores for one session. The store owns the object. */
export interface StoredMessage {
  /** Undefined until the message is sent over the current connection. */
  messageId?: number | undefined;
  retain?: boolean;
  /** Both are missing in the PUBREL that replaces a message of QoS 2. */
  readonly brokerId?: string;
  readonly brokerCounter?: number;
}

/**
 * The messages of one session in the order of arrival, from arrival to acknowledgment. Finds each without a search,
 * unlike aedes' own store, which scans an array for each message sent or acknowledged.
 */
export class OutgoingQueue {
  readonly #messages = new Map<number, StoredMessage>();
  readonly #placeByCounter = new Map<number, number>();
  readonly #placeByPacketId = new Map<number, number>();
  #nextPlace = 0;

  add(message: StoredMessage): void {
    this.#messages.set(this.#nextPlace, message);
    if (message.brokerCounter !== undefined) this.#placeByCounter.set(message.brokerCounter, this.#nextPlace);
    this.#nextPlace += 1;
  }

  /** Stores the packet id of a message, or the PUBREL that replaces it. Returns false if there is no such message. */
  update(packet: StoredMessage): boolean {
    const { messageId = -1, brokerId, brokerCounter = -1 } = packet;
    const isMessage = brokerId !== undefined;
    const place = (isMessage ? this.#placeByCounter.get(brokerCounter) : this.#placeByPacketId.get(messageId)) ?? -1;
    const stored = this.#messages.get(place);
    if (stored === undefined) return false;
    if (isMessage) {
      this.#forgetPacketId(stored, place);
      stored.messageId = messageId;
      this.#placeByPacketId.set(messageId, place);
    } else {
      this.#placeByCounter.delete(stored.brokerCounter ?? -1);
      this.#messages.set(place, packet);
    }
    return true;
  }

  /** Removes and returns a sent message. */
  remove(packetId: number): StoredMessage | undefined {
    const place = this.#placeByPacketId.get(packetId) ?? -1;
    const stored = this.#messages.get(place);
    if (stored === undefined) return undefined;
    this.#messages.delete(place);
    this.#placeByPacketId.delete(packetId);
    this.#placeByCounter.delete(stored.brokerCounter ?? -1);
    return stored;
  }

  forgetPacketIds(): void {
    this.#placeByPacketId.clear();
    for (const message of this.#messages.values()) message.messageId = undefined;
  }

  /** Returns the current messages. */
  list(): StoredMessage[] {
    return [...this.#messages.values()];
  }

  #forgetPacketId({ messageId = -1 }: StoredMessage, place: number): void {
    if (this.#placeByPacketId.get(messageId) === place) this.#placeByPacketId.delete(messageId);
  }
}
