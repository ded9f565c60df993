import { AckHandle, type DeliveryContext } from '../../core/delivery.ts';
import type { Attributes } from '../../core/message.ts';
import type { Linked } from '../../util/linked-list.ts';
import type { ReceivedPublish } from './wire/publish-reader.ts';

/** Callbacks from an ack handle to its source. */
export interface MqttSettlements {
  completed(ackHandle: MqttAckHandle): void;
  givenBack(ackHandle: MqttAckHandle): void;
}

/** The right to settle one MQTT message. QoS 0 messages have packet id 0 and need no PUBACK. */
export class MqttAckHandle extends AckHandle implements Linked<MqttAckHandle> {
  readonly packetId: number;
  readonly topic: string;
  /** Number of the latest connection that delivered the message. */
  connection: number;
  /** True once settled: the PUBACK may be written if the message still owes one. */
  done = false;
  older: MqttAckHandle | undefined = undefined;
  newer: MqttAckHandle | undefined = undefined;
  isLinked = false;
  readonly #settlements: MqttSettlements;

  constructor(
    context: DeliveryContext,
    packet: Omit<ReceivedPublish, 'dup'>,
    attributes: Attributes,
    connection: number,
    settlements: MqttSettlements,
  ) {
    const { payload, whole, byteLength } = packet;
    super(context, { data: payload, attributes, orderingKey: '', whole }, byteLength);
    this.packetId = packet.packetId;
    this.topic = packet.topic;
    this.connection = connection;
    this.#settlements = settlements;
  }

  /** Returns whether a redelivered packet is this message: a broker that lost its session may reuse the packet id. */
  isFor({ topic, payload, whole }: Pick<ReceivedPublish, 'topic' | 'payload' | 'whole'>): boolean {
    const { data, whole: mine } = this.original;
    return this.topic === topic && whole?.sha256 === mine?.sha256 && payload.equals(data);
  }

  protected override acknowledge(): void {
    this.#settlements.completed(this);
  }

  protected override giveBack(): void {
    this.#settlements.givenBack(this);
  }
}
