import * as assert from 'uvu/assert';

export const OUTCOMES = ['acked', 'nacked', 'dead_lettered', 'dropped', 'expired'] as const;

/** The metrics of a service at one moment. */
export class Scrape {
  readonly text: string;
  readonly #samples = new Map<string, number>();

  constructor(text: string) {
    this.text = text;
    for (const line of text.split('\n')) {
      const [, name, labels = '', value] = /^(\w+)(?:\{([^}]*)\})? (\S+)$/.exec(line) ?? [];
      if (name !== undefined) this.#samples.set(keyOf(name, labels), Number(value));
    }
  }

  /** Returns a sample by its labels, without those of the service and its pipeline. Fails if there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const text = Object.entries(labels)
      .map(([label, value]) => `${label}="${value}"`)
      .join(',');
    const key = keyOf(name, text);
    const value = this.#samples.get(key);
    assert.ok(value !== undefined, `there is no sample ${key}`);
    return value ?? Number.NaN;
  }

  /** Count of an event. */
  events(event: string): number {
    return this.value('dataflow_events_total', { event });
  }

  settled(outcome: (typeof OUTCOMES)[number]): number {
    return this.value('dataflow_messages_settled_total', { outcome });
  }

  get received(): number {
    return this.value('dataflow_messages_received_total');
  }

  get inFlight(): number {
    return this.value('dataflow_messages_in_flight');
  }

  /**
   * Asserts the ledger's invariants: each received message is settled or in flight, none was settled twice, and the
   * limit on messages in flight was never exceeded.
   */
  assertLedger(): void {
    assert.ok(this.text.includes('dataflow_messages_received_total'), 'these are not the metrics of a service');
    const settled = OUTCOMES.reduce((sum, outcome) => sum + this.settled(outcome), 0);
    assert.is(this.received, settled + this.inFlight, `the ledger does not balance:\n${this.text}`);
    assert.is(this.value('dataflow_settlement_faults_total', { fault: 'twice' }), 0, 'settled twice');
    const peak = this.value('dataflow_credit_peak_messages');
    assert.ok(peak <= this.value('dataflow_credit_limit_messages'), `${peak} were in flight`);
  }
}

function keyOf(name: string, labels: string): string {
  const own = labels
    .split(',')
    .filter((label) => label !== '' && !/^(service|pipeline)=/.test(label))
    .sort();
  return `${name}{${own.join(',')}}`;
}
