import { type FaultRule, type ParsedRule, parseFaultRule } from './fault-rule.ts';

/** One call of a server, and its resource. */
export interface FaultyCall {
  readonly server: ParsedRule['server'];
  readonly method: string;
  readonly resource: string;
}

/** An active rule. */
export interface Fault {
  readonly id: number;
  readonly rule: ParsedRule;
  /** Calls that match it. */
  readonly matched: number;
  /** Calls that it has failed. */
  readonly fired: number;
  remove(): void;
}

/** A rule that fails some rows, and the random generator that selects them. */
export interface RowFaults {
  readonly rule: ParsedRule;
  readonly random: () => number;
}

/** A call refused by a rule; each server words it in its own way. */
export class InjectedError extends Error {
  override readonly name = 'InjectedError';
  readonly fault: NonNullable<ParsedRule['error']>;

  constructor(fault: NonNullable<ParsedRule['error']>) {
    super(fault.message);
    this.fault = fault;
  }
}

/** The work is done, and the caller must not get the response. */
export class LostResponse extends Error {
  override readonly name = 'LostResponse';
}

/** A linear congruential generator: reproducible numbers in [0, 1) from a seed. */
function randomBy(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

function pattern(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 's');
}

class StandingFault implements Fault {
  readonly id: number;
  readonly rule: ParsedRule;
  readonly random: () => number;
  readonly removed: Promise<void>;
  matched = 0;
  fired = 0;
  readonly #method: RegExp;
  readonly #resource: RegExp;
  readonly #onRemove: (fault: StandingFault) => void;
  #markRemoved: () => void = () => {};

  constructor(id: number, rule: ParsedRule, onRemove: (fault: StandingFault) => void) {
    this.id = id;
    this.rule = rule;
    this.random = randomBy(rule.seed);
    this.#method = pattern(rule.method);
    this.#resource = pattern(rule.resource);
    this.#onRemove = onRemove;
    this.removed = new Promise((resolve) => {
      this.#markRemoved = resolve;
    });
  }

  names({ server, method, resource }: FaultyCall): boolean {
    return server === this.rule.server && this.#method.test(method) && this.#resource.test(resource);
  }

  /** Counts the call, and returns whether it fails. */
  fires(call: FaultyCall): boolean {
    if (!this.names(call)) return false;
    this.matched += 1;
    const { skip, times, probability } = this.rule;
    if (this.matched <= skip || (times !== undefined && this.fired >= times)) return false;
    if (probability < 1 && this.random() >= probability) return false;
    this.fired += 1;
    return true;
  }

  remove(): void {
    this.#onRemove(this);
    this.#markRemoved();
  }
}

/** Injects the faults of a sandbox on demand. */
export class Faults {
  readonly #standing = new Set<StandingFault>();
  #lastId = 0;

  get isEmpty(): boolean {
    return this.#standing.size === 0;
  }

  /** @throws Error naming each invalid field of the rule. */
  add(rule: FaultRule): Fault {
    this.#lastId += 1;
    const fault = new StandingFault(this.#lastId, parseFaultRule(rule), (removed) => this.#standing.delete(removed));
    this.#standing.add(fault);
    return fault;
  }

  list(): readonly Fault[] {
    return [...this.#standing];
  }

  clear(): void {
    for (const fault of [...this.#standing]) fault.remove();
  }

  /**
   * Runs a call under the rules: late, never, refused, or without a response. Passes `run` the rule that fails some of
   * its rows, if there is one.
   */
  async pass<T>(call: FaultyCall, run: (rowErrors?: RowFaults) => T): Promise<Awaited<T>> {
    const firing = this.#firing(call);
    for (const { rule, removed } of firing) {
      if (rule.latencyMs !== undefined) await new Promise((resolve) => setTimeout(resolve, rule.latencyMs));
      if (rule.stall) await removed;
      if (rule.error !== undefined) throw new InjectedError(rule.error);
    }
    const result = await run(firing.find(({ rule }) => rule.rowErrors !== undefined));
    if (firing.some(({ rule }) => rule.dropResponse)) throw new LostResponse('the response was lost');
    return result;
  }

  /** Returns whether an open stream must be silent. Does not count. */
  silences(call: FaultyCall): boolean {
    if (this.isEmpty) return false;
    return [...this.#standing].some((fault) => fault.rule.stall && fault.names(call));
  }

  /** Returns the error that an open stream must end with, if any. */
  breaks(call: FaultyCall): InjectedError | undefined {
    if (this.isEmpty) return undefined;
    const fault = [...this.#standing].find((each) => each.rule.error !== undefined && each.fires(call));
    return fault?.rule.error && new InjectedError(fault.rule.error);
  }

  #firing(call: FaultyCall): StandingFault[] {
    return this.isEmpty ? [] : [...this.#standing].filter((fault) => fault.fires(call));
  }
}
