import { BehaviorSubject, type Observable } from 'rxjs';

/** State of one part of a service: `degraded` is reported and stays green, `failing` is red. */
export type ConditionState = 'ok' | 'degraded' | 'failing';

export interface Condition {
  readonly state: ConditionState;
  /** The problem, in words; empty when the part is ok. */
  readonly detail: string;
}

export interface ReadinessReport {
  readonly ready: boolean;
  readonly degraded: boolean;
  readonly components: Readonly<Record<string, Condition>>;
}

/** Reports one part's condition. */
export type ConditionSetter = Pick<Readiness, 'set'>;

/**
 * Collects the conditions of a service's parts. The service is ready while no part is failing: an idle service is
 * ready, and so is one that runs without a layer it may skip.
 */
export class Readiness {
  readonly #conditions = new Map<string, Condition>();
  readonly #report = new BehaviorSubject<ReadinessReport>({ ready: true, degraded: false, components: {} });

  /** Sets one part's condition. Costs nothing to repeat. */
  set(component: string, state: ConditionState, detail = ''): void {
    const known = this.#conditions.get(component);
    if (known?.state === state && known.detail === detail) return;
    this.#conditions.set(component, { state, detail });
    const conditions = [...this.#conditions.values()];
    this.#report.next({
      ready: conditions.every((condition) => condition.state !== 'failing'),
      degraded: conditions.some((condition) => condition.state !== 'ok'),
      components: Object.fromEntries(this.#conditions),
    });
  }

  get report(): ReadinessReport {
    return this.#report.value;
  }

  /** The present report, then each change. */
  get changes(): Observable<ReadinessReport> {
    return this.#report;
  }
}
