import type { Subscription } from 'rxjs';
import { toError } from '../../core/errors.ts';
import type { ConditionSetter, ConditionState } from '../../core/readiness.ts';
import type { RedisClient, RedisState } from './client.ts';
import { RedisRefusal } from './redis-errors.ts';

/** Problems of Redis, the most informative first. */
const PARTS = ['connection', 'setting', 'reads', 'writes'] as const;
type Part = (typeof PARTS)[number];

/** Reports problems of Redis in readiness. A problem stays until it is known to be resolved. */
export class RedisCondition {
  readonly #problems = new Map<Part, string>();
  readonly #readiness: ConditionSetter;
  readonly #bad: Exclude<ConditionState, 'ok'>;

  /** @param bad the state of a layer with a problem: `degraded` if it is optional, else `failing`. */
  constructor(readiness: ConditionSetter, bad: Exclude<ConditionState, 'ok'>) {
    this.#readiness = readiness;
    this.#bad = bad;
  }

  /** Follows the connection. Calls `onReady` for each new connection. */
  follow(client: Pick<RedisClient, 'state'>, onReady: () => void = () => {}): Subscription {
    return client.state.subscribe({
      next: ({ isReady, problem }: RedisState) => {
        if (isReady && problem === undefined) {
          this.#problems.clear();
          this.#show();
          onReady();
        } else if (!isReady && problem !== undefined) this.#set('connection', problem);
      },
      error: (thrown) => this.#set('connection', toError(thrown).message),
    });
  }

  /** Records why reads or writes fail, until one succeeds. */
  failed(part: 'reads' | 'writes', thrown: unknown): void {
    const { message } = toError(thrown);
    const isMoved = thrown instanceof RedisRefusal && (thrown.code === 'MOVED' || thrown.code === 'ASK');
    // Half of the keys may be on this node: one success does not prove the setting right.
    if (isMoved) this.#set('setting', message);
    else this.#set(thrown instanceof RedisRefusal ? part : 'reads', message);
  }

  succeeded(part: 'reads' | 'writes'): void {
    if (this.#problems.delete(part)) this.#show();
  }

  #set(part: Part, problem: string): void {
    this.#problems.set(part, problem);
    this.#show();
  }

  #show(): void {
    const part = PARTS.find((each) => this.#problems.has(each));
    const problem = part === undefined ? undefined : this.#problems.get(part);
    if (problem === undefined) this.#readiness.set('redis', 'ok');
    else this.#readiness.set('redis', this.#bad, `${CONSEQUENCES[this.#bad][part === 'writes' ? 1 : 0]}: ${problem}`);
  }
}

/** The effects of a problem on lookups, for reads and for writes. */
const CONSEQUENCES = {
  degraded: ['skipped', 'writes are refused'],
  failing: ['lookups fail', 'writes are refused'],
} as const;
