import type { ReceivedPublish } from './wire/publish-reader.ts';

/** QoS 0 messages kept across reconnects for lack of room: each connection can leave one behind. */
const MAX_KEPT = 16;

interface HeldPacket {
  readonly packet: ReceivedPublish;
  readonly resume: () => void;
}

/** Messages that the source has no room for yet, in order of receipt, each with the parser that waits for it. */
export class PausedPackets {
  readonly #packets: HeldPacket[] = [];

  get isEmpty(): boolean {
    return this.#packets.length === 0;
  }

  hold(packet: ReceivedPublish, resume: () => void): void {
    this.#packets.push({ packet, resume });
  }

  /** Releases messages until `pass` refuses one. */
  release(pass: (packet: ReceivedPublish) => boolean): void {
    for (let next = this.#packets.shift(); next !== undefined; next = this.#packets.shift()) {
      // Removed from the list first: it may settle synchronously and make room for the next one.
      if (!pass(next.packet)) {
        this.#packets.unshift(next);
        return;
      }
      next.resume();
    }
  }

  /**
   * Handles a lost connection. QoS 1 messages are redelivered; QoS 0 messages are not, so they are kept. The parser of
   * the old connection does not resume.
   */
  disconnected(): void {
    const kept = this.#packets.filter(({ packet }) => packet.packetId === 0).slice(-MAX_KEPT);
    this.#packets.splice(0, this.#packets.length, ...kept.map(({ packet }) => ({ packet, resume: () => {} })));
  }

  /** Leaves the messages to the broker, and lets the parser continue. */
  discard(): void {
    for (const { resume } of this.#packets.splice(0)) resume();
  }
}
