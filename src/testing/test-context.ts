import { Subscription } from 'rxjs';
import { Credit, type CreditLimits } from '../core/credit.ts';
import { AckHandle, Delivery, type DeliveryContext } from '../core/delivery.ts';
import type { PoisonError } from '../core/errors.ts';
import { Ledger } from '../core/ledger.ts';
import type { Message, Original } from '../core/message.ts';

/** A dead letter in flight, which the test lets arrive or fail. */
export interface PendingDeadLetter {
  readonly original: Original;
  readonly poison: PoisonError;
  readonly publish: () => void;
  readonly refuse: () => void;
  /** True once the ack handle has abandoned it. */
  readonly abandoned: boolean;
}

/** A context whose dead letters wait for the test. */
export interface TestContext extends DeliveryContext {
  readonly deadLettered: readonly PendingDeadLetter[];
}

const UNLIMITED: CreditLimits = { maxMessages: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER };

/** A ledger as in a service, with unlimited credit by default. */
export function testContext(limits: Partial<CreditLimits> = {}): TestContext {
  const deadLettered: PendingDeadLetter[] = [];
  return {
    ledger: new Ledger(),
    credit: new Credit({ ...UNLIMITED, ...limits }),
    deadLettered,
    deadLetter({ original }, poison, { onPublished, onRefused }) {
      const subscription = new Subscription();
      deadLettered.push({
        original,
        poison,
        publish: onPublished,
        refuse: onRefused,
        get abandoned() {
          return subscription.closed;
        },
      });
      return subscription;
    },
  };
}

/** An ack handle that records its calls. */
export class TestAckHandle extends AckHandle {
  readonly told: ('acknowledged' | 'given back')[] = [];
  /** The requested redelivery delay of a returned message. */
  afterMs: number | undefined;
  readonly #mayPostpone: boolean;

  constructor(context: DeliveryContext, original: Original, mayPostpone = false) {
    super(context, original);
    this.#mayPostpone = mayPostpone;
  }

  override get mayPostpone(): boolean {
    return this.#mayPostpone;
  }

  protected override acknowledge(): void {
    this.told.push('acknowledged');
  }

  protected override giveBack(afterMs: number): void {
    this.afterMs = afterMs;
    this.told.push('given back');
  }
}

/** A message of the test; omitted fields have some value. */
export function testMessage({ payload = '{}', mayPostpone: _, ...rest }: TestFields = {}): Message {
  return {
    id: 'm1',
    payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
    publishTime: '2026-11-23T10:00:00Z',
    attributes: {},
    enrichmentData: {},
    ...rest,
  };
}

/** A message's fields; a payload may be written as text. */
export type TestFields = Partial<Omit<Message, 'payload'>> & {
  readonly payload?: string | Uint8Array;
  /** True if its source can delay redelivery. Default: false, as with MQTT. */
  readonly mayPostpone?: boolean;
};

/** A delivery as emitted by a source: with credit, and entered in the ledger. */
export class TestDelivery extends Delivery {
  declare readonly ackHandle: TestAckHandle;
}

/** Takes credit and creates a delivery with it; undefined without enough credit. */
export function tryDelivery(context: DeliveryContext, fields: TestFields, orderingKey = ''): TestDelivery | undefined {
  const message = testMessage(fields);
  const { payload, attributes } = message;
  if (!context.credit.tryTake(payload.byteLength)) return undefined;
  return new TestDelivery(
    message,
    new TestAckHandle(context, { data: payload, attributes, orderingKey }, fields.mayPostpone),
  );
}

/** Takes credit and creates a delivery with it, if there is enough. */
export function testDelivery(context: DeliveryContext, fields: TestFields = {}, orderingKey = ''): TestDelivery {
  const delivery = tryDelivery(context, fields, orderingKey);
  if (delivery === undefined) throw new Error('the context has no credit for this delivery');
  return delivery;
}
