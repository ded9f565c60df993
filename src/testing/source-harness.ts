import { merge, NEVER, type Observable, Subject, type Subscription } from 'rxjs';
import type { CreditLimits } from '../core/credit.ts';
import type { Delivery } from '../core/delivery.ts';
import { Readiness } from '../core/readiness.ts';
import type { Source } from '../core/source.ts';
import type { EventName } from '../telemetry/events.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { eventually } from './eventually.ts';
import type { Scope } from './scope.ts';
import { type TestContext, testContext } from './test-context.ts';

/** The parts of a service that a source needs. */
export interface SourceParts {
  readonly context: TestContext;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
}

export interface SourceHarnessOptions<Tested extends Source> {
  readonly create: (parts: SourceParts) => Tested;
  /** Limits of the credit. Default: none. */
  readonly limits?: Partial<CreditLimits> | undefined;
  /** A stop signal in addition to that of `stop()`. */
  readonly stop?: Observable<unknown> | undefined;
  /** Settles deliveries on arrival. Default: they stay unsettled until the test settles them. */
  readonly onDelivery?: ((delivery: Delivery) => void) | undefined;
}

/** Subscribes to a source, collects all of its deliveries and reports, and aborts it at the end of `scope`. */
export class SourceHarness<Tested extends Source = Source> implements SourceParts {
  readonly source: Tested;
  readonly context: TestContext;
  readonly telemetry: Telemetry;
  readonly readiness = new Readiness();
  readonly #deliveries: Delivery[] = [];
  #completed = false;
  #error: unknown;
  readonly #lines: { event?: EventName }[] = [];
  readonly #stopped = new Subject<void>();
  readonly #running: Subscription;

  constructor(scope: Scope, { create, limits, stop = NEVER, onDelivery = () => {} }: SourceHarnessOptions<Tested>) {
    this.context = testContext(limits);
    this.telemetry = new Telemetry('harness', {
      level: 'debug',
      processMetrics: false,
      destination: { write: (line) => this.#lines.push(JSON.parse(line)) },
    });
    this.source = create(this);
    this.#running = this.source.deliveries(merge(stop, this.#stopped)).subscribe({
      next: (delivery) => {
        this.#deliveries.push(delivery);
        onDelivery(delivery);
      },
      error: (error) => {
        this.#error = error;
      },
      complete: () => {
        this.#completed = true;
      },
    });
    scope.defer(() => {
      this.abort();
      this.source.abort();
      return this.source.disconnected;
    });
  }

  get deliveries(): readonly Delivery[] {
    return this.#deliveries;
  }

  get completed(): boolean {
    return this.#completed;
  }

  get error(): unknown {
    return this.#error;
  }

  /** The payloads of the deliveries as strings. */
  get texts(): readonly string[] {
    return this.deliveries.map(({ message }) => Buffer.from(message.payload).toString());
  }

  /** The log lines of an event. */
  events(name: EventName): readonly Record<string, unknown>[] {
    return this.#lines.filter(({ event }) => event === name);
  }

  /** Acknowledges the delivery at `index`. */
  ack(index: number): void {
    const delivery = this.deliveries[index];
    if (delivery === undefined) throw new Error(`there is no delivery ${index}`);
    delivery.ack();
  }

  /** Acknowledges `count` deliveries from index `from` on, one by one on arrival. */
  async ackEach(count: number, from = 0): Promise<void> {
    for (let index = from; index < count; index += 1) {
      if (this.#deliveries.length <= index) await this.received(index + 1);
      this.ack(index);
    }
  }

  /** Resolves once `count` deliveries have arrived. */
  received(count: number): Promise<void> {
    return eventually(() => {
      const { length } = this.deliveries;
      if (length < count) throw new Error(`${length} of ${count} deliveries have arrived`);
    });
  }

  /** Sends the stop signal. Resolves once the source has disconnected. */
  stop(): Promise<void> {
    this.#stopped.next();
    return this.source.disconnected;
  }

  /** Unsubscribes. */
  abort(): void {
    this.#running.unsubscribe();
  }
}
