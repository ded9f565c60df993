import { SERVICE_NAMES, type ServiceName } from '../../../src/services/services.ts';

/** The path of a message, in the detail that a failure needs. */
const WAY: readonly ('fleet' | ServiceName | 'sink')[] = ['fleet', ...SERVICE_NAMES, 'sink'];

/** A place on the path of messages, and the number that passed it. */
export interface Place {
  readonly at: (typeof WAY)[number];
  readonly name: string;
  readonly count: () => number;
  /** The state of the place, in words. */
  readonly about?: () => string;
}

/** The places of a flow, in the order of the path. */
export class Places {
  readonly #places: Place[] = [];
  readonly #logs: (readonly [name: string, lines: readonly string[]])[] = [];

  add(place: Place): void {
    this.#places.push(place);
    this.#places.sort((one, other) => WAY.indexOf(one.at) - WAY.indexOf(other.at));
  }

  /** Lines of a log, for the report of a failure. */
  listen(name: string, lines: readonly string[]): void {
    this.#logs.push([name, lines]);
  }

  /** Total of passages: while the number grows, messages move. */
  get passed(): number {
    return this.#places.reduce((sum, { count }) => sum + count(), 0);
  }

  /** The places of the messages, and the place before which they stopped. */
  whereStopped(): string {
    const rows = this.#places.map(({ name, count, about }) => ({ name, count: count(), about: about?.() ?? '' }));
    const stop = rows.findIndex(({ count }, index) => index > 0 && count < (rows[index - 1]?.count ?? 0));
    const verdict =
      stop < 0
        ? 'messages passed every place of this flow'
        : `messages stopped before "${rows[stop]?.name}", after "${rows[stop - 1]?.name}"`;
    const table = rows.map(
      ({ name, count, about }, index) =>
        `  ${index === stop ? '>' : ' '} ${name.padEnd(28)}${String(count).padStart(9)}  ${about}`,
    );
    const logs = this.#logs.flatMap(([name, lines]) => lines.map((line) => `  ${name}: ${line}`));
    return [verdict, ...table, ...(logs.length > 0 ? ['  last warnings:', ...logs] : [])].join('\n');
  }
}
