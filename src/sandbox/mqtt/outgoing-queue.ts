/** A message that aedes keeps for one session. The store owns the object. */
export interface StoredMessage {
  /** Undefined until the message is sent over the present connection. */
  messageId?: number | undefined;
  retain?: boolean;
  /** Both are missing in the PUBREL that takes the place of a message of QoS 2. */
  readonly brokerId?: string;
  readonly brokerCounter?: number;
}

/**
 * The messages of one session, in the order of their arrival, from there to their acknowledgement. Each is found without
 * a search: the array of aedes' own store is read through for each message that is sent or acknowledged.
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

  /** Stores the packet id of a message, or a PUBREL in its place; false if there is no such message. */
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

  /** Removes a message that was sent, and returns it. */
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

  /** Those of now. */
  list(): StoredMessage[] {
    return [...this.#messages.values()];
  }

  #forgetPacketId({ messageId = -1 }: StoredMessage, place: number): void {
    if (this.#placeByPacketId.get(messageId) === place) this.#placeByPacketId.delete(messageId);
  }
}
