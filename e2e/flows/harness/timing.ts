/** The stages of a flow, in their order. */
export const STAGES = ['set-up', 'start', 'load', 'verification', 'teardown'] as const;
export type Stage = (typeof STAGES)[number];

/** The times of sending and arrival of messages, and the duration of each stage of a flow. */
export class Timing {
  readonly #sentAt = new Map<string, number>();
  readonly #latenciesMs: number[] = [];
  readonly #stageMs = new Map<Stage, number>();
  #firstSentAt: number | undefined;
  #lastArrivedAt = 0;
  expected = 0;
  published = 0;
  verified = 0;

  async during<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.#stageMs.set(stage, (this.#stageMs.get(stage) ?? 0) + performance.now() - began);
    }
  }

  sent(id: string): void {
    const now = performance.now();
    this.#firstSentAt ??= now;
    this.#sentAt.set(id, now);
  }

  /** Discards the sent messages so far: another part of a flow is measured. */
  restart(): void {
    this.#sentAt.clear();
    this.#firstSentAt = undefined;
  }

  /** The first arrival of a message counts. */
  arrived(id: string): void {
    const sentAt = this.#sentAt.get(id);
    if (sentAt === undefined) return;
    this.#sentAt.delete(id);
    this.#lastArrivedAt = performance.now();
    this.#latenciesMs.push(this.#lastArrivedAt - sentAt);
  }

  /** Messages that have arrived, each counted once. */
  get arrivals(): number {
    return this.#latenciesMs.length;
  }

  /** Published messages per second, from the first one sent to the last one that arrived. */
  get ratePerSecond(): number {
    const seconds = (this.#lastArrivedAt - (this.#firstSentAt ?? this.#lastArrivedAt)) / 1_000;
    return seconds > 0 ? this.published / seconds : 0;
  }

  /** The table at the end of a flow. */
  table(flow: string): string {
    const sorted = this.#latenciesMs.toSorted((one, other) => one - other);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    const count = (value: number) => Math.round(value).toLocaleString('en-US');
    const rows: [string, string][] = [
      ...STAGES.map((stage): [string, string] => [stage, `${count(this.#stageMs.get(stage) ?? 0)} ms`]),
      ['expected', count(this.expected)],
      ['published', count(this.published)],
      ['verified', count(this.verified)],
      ['messages/s', count(this.ratePerSecond)],
      ['p50 from publish to sink', `${count(at(0.5))} ms`],
      ['p99 from publish to sink', `${count(at(0.99))} ms`],
    ];
    return [`  ${flow}`, ...rows.map(([name, value]) => `    ${name.padEnd(26)}${value.padStart(12)}`)].join('\n');
  }
}
