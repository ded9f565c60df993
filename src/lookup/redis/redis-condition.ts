import type { Subscription } from 'rxjs';
import { toError } from '../../core/errors.ts';
import type { ConditionSetter, ConditionState } from '../../core/readiness.ts';
import type { RedisClient, RedisState } from './client.ts';
import { RedisRefusal } from './redis-errors.ts';

/** Problems of Redis, the most telling first. */
const PARTS = ['connection', 'setting', 'reads', 'writes'] as const;
type Part = (typeof PARTS)[number];

/** Shows in readiness what is wrong with Redis: a cause stays until it is known to be gone. */
export class RedisCondition {
  readonly #problems = new Map<Part, string>();
  readonly #readiness: ConditionSetter;
  readonly #bad: Exclude<ConditionState, 'ok'>;

  /** @param bad the state of a layer with a problem: `degraded` if it may be skipped, else `failing`. */
  constructor(readiness: ConditionSetter, bad: Exclude<ConditionState, 'ok'>) {
    this.#readiness = readiness;
    this.#bad = bad;
  }

  /** Follows the connection. `onReady` is called whenever there is a new one. */
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

  /** Notes why a read or a write has failed, until one succeeds. */
  failed(part: 'reads' | 'writes', thrown: unknown): void {
    const { message } = toError(thrown);
    const isMoved = thrown instanceof RedisRefusal && (thrown.code === 'MOVED' || thrown.code === 'ASK');
    // Half of the keys may be here: one that succeeds does not show that the setting is right.
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

/** The effect of a problem on lookups: on reading, and on writing. */
const CONSEQUENCES = {
  degraded: ['skipped', 'writes are refused'],
  failing: ['lookups fail', 'writes are refused'],
} as const;
