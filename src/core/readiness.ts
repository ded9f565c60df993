import { BehaviorSubject, type Observable } from 'rxjs';

/** State of one part of a service. `degraded` is reported but stays ready; `failing` is not ready. */
export type ConditionState = 'ok' | 'degraded' | 'failing';

export interface Condition {
  readonly state: ConditionState;
  /** Describes the problem; empty if the part is ok. */
  readonly detail: string;
}

export interface ReadinessReport {
  readonly ready: boolean;
  readonly degraded: boolean;
  readonly components: Readonly<Record<string, Condition>>;
}

/** Reports the condition of one part. */
export type ConditionSetter = Pick<Readiness, 'set'>;

/**
 * Collects the conditions of a service's parts. The service is ready while no part is failing, even when it is idle or
 * runs without an optional layer.
 */
export class Readiness {
  readonly #conditions = new Map<string, Condition>();
  readonly #report = new BehaviorSubject<ReadinessReport>({ ready: true, degraded: false, components: {} });

  /** Sets the condition of one part. Repeating it is free. */
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

  /** Emits the current report, then each change. */
  get changes(): Observable<ReadinessReport> {
    return this.#report;
  }
}
