import type { ReceivedPublish } from './wire/publish-reader.ts';

/** QoS 0 messages that are kept over a reconnect, for want of room: each connection can leave one behind. */
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

  /** Lets messages go, until `pass` does not take one in. */
  release(pass: (packet: ReceivedPublish) => boolean): void {
    for (let next = this.#packets.shift(); next !== undefined; next = this.#packets.shift()) {
      // Out of the list before it goes: it may be settled at once, and that makes room for the next one.
      if (!pass(next.packet)) {
        this.#packets.unshift(next);
        return;
      }
      next.resume();
    }
  }

  /** The connection is gone. QoS 1 comes again; QoS 0 would not. The parser of the old connection is not asked to go on. */
  disconnected(): void {
    const kept = this.#packets.filter(({ packet }) => packet.packetId === 0).slice(-MAX_KEPT);
    this.#packets.splice(0, this.#packets.length, ...kept.map(({ packet }) => ({ packet, resume: () => {} })));
  }

  /** Leaves them to the broker, and lets the parser go on. */
  discard(): void {
    for (const { resume } of this.#packets.splice(0)) resume();
  }
}
