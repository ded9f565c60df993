import { join } from 'node:path';
import type { Observable } from 'rxjs';
import type { Outcome } from '../../../src/core/delivery.ts';
import type { Service } from '../../../src/services/service.ts';
import type { ServiceName, ServiceOf } from '../../../src/services/services.ts';
import { eventually } from '../../../src/testing/eventually.ts';
import { openScope } from '../../../src/testing/scope.ts';
import type { Fleet, Reading } from '../../../src/tools/load/fleet.ts';
import { publishReadings } from '../../../src/tools/load/publish-readings.ts';
import { Places } from './places.ts';
import { declaredNames, PIPELINES, type RunScope } from './run-scope.ts';
import { LastLines, openService } from './services.ts';
import type { Target } from './target.ts';
import { Timing } from './timing.ts';

/** A running flow. */
export class Flow {
  readonly target: Target;
  readonly scope: RunScope;
  readonly second: RunScope | undefined;
  readonly fleet: Fleet;
  readonly timing = new Timing();
  readonly #open = openScope();
  /** Number of messages that have passed each place: a failure names the place where they stopped. */
  readonly places = new Places();

  readonly #stoppedAfterMs: number;

  constructor(target: Target, scope: RunScope, second: RunScope | undefined, fleet: Fleet, stoppedAfterMs: number) {
    this.#stoppedAfterMs = stoppedAfterMs;
    this.target = target;
    this.scope = scope;
    this.second = second;
    this.fleet = fleet;
    for (const own of second === undefined ? [scope] : [second, scope]) this.defer(() => removeUnlessKept(own));
    this.places.add({ at: 'fleet', name: 'published', count: () => this.timing.published });
  }

  /** Calls `end` when the flow ends, in any case, before the ends that were registered earlier. */
  defer(end: () => unknown): void {
    this.#open.defer(end);
  }

  /** Starts a service of `pipelines/` in this process, and waits until it is ready. It ends with the flow. */
  start<Name extends ServiceName>(
    name: Name,
    { scope = this.scope, env = {}, path = join(PIPELINES, name), isReplica = false }: StartOptions = {},
  ): Promise<ServiceOf<Name>> {
    return this.timing.during('start', async () => {
      const log = new LastLines();
      this.places.listen(name, log.lines);
      const settings = { ...process.env, ...scope.envOf(name), ...env };
      const service = await openService(name, path, settings, log);
      this.defer(() => service.shutdown());
      const { ledger } = service;
      let readiness = 'not started';
      const watching = service.readiness.subscribe((report) => {
        readiness = report.ready ? 'ready' : JSON.stringify(report);
      });
      this.defer(() => watching.unsubscribe());
      if (!isReplica) {
        const about = () => readiness;
        this.places.add({ at: name, name: `${name}: received`, count: () => ledger.received, about });
        this.places.add({ at: name, name: `${name}: settled`, count: () => ledger.acked + ledger.deadLettered, about });
      }
      await service.start();
      await service.ready;
      return service;
    });
  }

  /** Publishes readings over MQTT, and resolves with their number when the broker has confirmed all of them. */
  load(readings: Iterable<Reading>, ratePerSecond: number): Promise<number> {
    return this.timing.during('load', async () => {
      const published = await publishReadings(readings, {
        url: this.target.env.MQTT_URL ?? '',
        ratePerSecond,
        onSending: ({ id }) => this.timing.sent(id),
        onConfirmed: () => {
          this.timing.published += 1;
        },
      });
      return published;
    });
  }

  /** Counts a service's settlements as arrivals at its sink. */
  measure({ probes }: Service<{ readonly settled: Observable<Outcome> }>): void {
    probes.settled.subscribe(({ verdict, delivery }) => {
      if (verdict === 'ack') this.timing.arrived(delivery.message.id);
    });
  }

  /** Waits until a check passes. Fails when no message moves any more, with the place where they stopped. */
  async until(what: string, check: () => void | Promise<void>): Promise<void> {
    await eventually(check, {
      deadlineMs: this.#stoppedAfterMs,
      everyMs: this.target.name === 'gcp' ? 2_000 : 50,
      progress: () => this.places.passed,
    }).catch((thrown: unknown) => {
      throw new Error(`${what}: ${String(thrown)}\n${this.places.whereStopped()}`, { cause: thrown });
    });
  }

  /** Ends everything, and removes the resources of the flow. A failing step does not prevent the others. */
  close(): Promise<void> {
    return this.#open.close();
  }
}

async function removeUnlessKept(scope: RunScope): Promise<void> {
  if (process.env.E2E_KEEP === '1') console.log(`kept: ${scope.declarations.flatMap(declaredNames).join(', ')}`);
  else await scope.remove();
}

export interface StartOptions {
  readonly scope?: RunScope;
  readonly env?: Readonly<Record<string, string>>;
  /** A folder or file in place of the one in `pipelines/`. */
  readonly path?: string;
  /** One of several replicas: its messages alone do not show where messages stopped. */
  readonly isReplica?: boolean;
}
