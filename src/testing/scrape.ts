import * as assert from 'uvu/assert';

/** What a service said on `/metrics` at one moment. */
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

  /** A sample by its labels, without that of the service; 0 if there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const text = Object.entries(labels)
      .map(([label, value]) => `${label}="${value}"`)
      .join(',');
    return this.#samples.get(keyOf(name, text)) ?? 0;
  }

  /** How often an event was told. */
  events(event: string): number {
    return this.value('dataflow_events_total', { event });
  }

  settled(ending: 'acked' | 'nacked' | 'deadLettered' | 'dropped' | 'expired'): number {
    return this.value('dataflow_settled_total', { ending });
  }

  get received(): number {
    return this.value('dataflow_received_total');
  }

  get inFlight(): number {
    return this.value('dataflow_in_flight');
  }

  /**
   * Fails unless the law of the ledger holds: what was received was settled, or is in flight; nothing was settled
   * twice; and there never was more in flight than the limit says.
   */
  assertLedger(): void {
    const endings = ['acked', 'nacked', 'deadLettered', 'dropped', 'expired'] as const;
    const settled = endings.reduce((sum, ending) => sum + this.settled(ending), 0);
    assert.ok(this.text.includes('dataflow_received_total'), 'these are not the metrics of a service');
    assert.is(this.received, settled + this.inFlight, `the ledger does not balance:\n${this.text}`);
    assert.is(this.value('dataflow_settlement_faults_total', { fault: 'twice' }), 0, 'settled twice');
    const peak = this.value('dataflow_credit_messages', { of: 'peak' });
    assert.ok(peak <= this.value('dataflow_credit_messages', { of: 'limit' }), `${peak} were in flight`);
  }
}

function keyOf(name: string, labels: string): string {
  const own = labels
    .split(',')
    .filter((label) => label !== '' && !label.startsWith('service='))
    .sort();
  return `${name}{${own.join(',')}}`;
}
