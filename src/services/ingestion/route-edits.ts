import { isDeepStrictEqual } from 'node:util';
import {
  type BehaviorSubject,
  catchError,
  defer,
  map,
  type Observable,
  type OperatorFunction,
  of,
  type Subscription,
  switchMap,
} from 'rxjs';
import { isRecord } from '../../config/interpolate.ts';
import { FatalError, type RetryableError, toError } from '../../core/errors.ts';
import { retryWithBackoff } from '../../operators/retry.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { IngestionConfig } from './config.ts';
import { RouteTable } from './route-table.ts';
import type { RoutingConfig } from './routing.ts';

const RETRY = { initialDelayMs: 200, maxDelayMs: 5_000, giveUpAfterMs: Number.POSITIVE_INFINITY };
/** Settings that an edit changes while the service runs, and those that no service reads. */
const LIVE: ReadonlySet<string> = new Set(['routes', 'producers', 'resources']);

export interface FollowEditsOptions {
  /** The configuration that the service was started with. */
  readonly config: IngestionConfig;
  /** The running routes; an edit that is accepted takes their place. */
  readonly table: BehaviorSubject<RouteTable>;
  /** Checks that topics exist; rejects with a RetryableError while that cannot be said. */
  readonly check: (topicIds: readonly string[]) => Promise<void>;
  readonly telemetry: Telemetry;
  readonly onChanged: (routing: RoutingConfig) => void;
}

/**
 * Lets edits of the configuration take effect. New topics are checked as at start; a refused edit is logged and counted,
 * and the running routes stay. An edit of other settings is logged: it counts after a restart. Nothing ends the service.
 */
export function followEdits(edits: Observable<IngestionConfig | Error>, options: FollowEditsOptions): Subscription {
  const { config, table, check, telemetry, onChanged } = options;
  let running: RoutingConfig = { routes: config.routes, producers: config.producers };

  const checkNew = async ({ routes, producers }: IngestionConfig): Promise<void> => {
    if (config.mqtt.connectionPerProducer) checkConnections(running, { routes, producers });
    const known = new Set(table.value.topicIds);
    const named = new Set(Object.values(producers).map(({ outputTopicId }) => outputTopicId));
    await check([...named].filter((topicId) => !known.has(topicId)));
  };
  const apply = (edit: IngestionConfig): void => {
    const settings = settingsForRestart(config, edit);
    if (settings.length > 0) telemetry.event('config.needs_restart', { settings });
    const { routes, producers } = edit;
    if (isDeepStrictEqual({ routes, producers }, running)) {
      telemetry.event('routes.unchanged');
      return;
    }
    table.next(new RouteTable(edit));
    running = { routes, producers };
    telemetry.event('routes.changed', { routes: Object.keys(routes) });
    onChanged(running);
  };
  const refuse = (error: Error) => telemetry.event('routes.refused', { error: error.message });
  const postpone = (error: RetryableError) => telemetry.event('routes.postponed', { error: error.message });

  return edits.pipe(checkedEdits(checkNew, postpone)).subscribe({
    next: (edit) => {
      try {
        if (edit instanceof Error) refuse(edit);
        else apply(edit);
      } catch (thrown) {
        refuse(toError(thrown));
      }
    },
    error: (thrown) => telemetry.event('routes.unwatched', { error: toError(thrown).message }),
  });
}

/**
 * Checks each edit as a start does, and emits it, or why it is refused. An outage is waited out; a newer edit takes the
 * place of one that waits.
 */
export function checkedEdits(
  check: (edit: IngestionConfig) => Promise<void>,
  onRetry: (error: RetryableError) => void,
): OperatorFunction<IngestionConfig | Error, IngestionConfig | Error> {
  return switchMap((edit) =>
    edit instanceof Error
      ? of(edit)
      : defer(() => check(edit)).pipe(
          retryWithBackoff(RETRY, { onRetry }),
          map(() => edit),
          catchError((thrown: unknown) => of(toError(thrown))),
        ),
  );
}

/** @throws FatalError if an edit needs other connections than those that are open, one for each producer. */
export function checkConnections(running: RoutingConfig, edit: RoutingConfig): void {
  const hint = 'with mqtt.connectionPerProducer this needs a restart';
  const names = ({ producers }: RoutingConfig) => Object.keys(producers).sort();
  if (!isDeepStrictEqual(names(running), names(edit))) {
    throw new FatalError(`producers: ${names(running).join(', ')} became ${names(edit).join(', ')}: ${hint}`);
  }
  const producerOf = ({ routes }: RoutingConfig, filter: string) =>
    Object.values(routes).find(({ source }) => source.mqtt_topic === filter)?.destination.route_name;
  for (const [name, { source, destination }] of Object.entries(edit.routes)) {
    const before = producerOf(running, source.mqtt_topic);
    if (before === undefined || before === destination.route_name) continue;
    throw new FatalError(
      `routes.${name}: "${source.mqtt_topic}" moves from ${before} to ${destination.route_name}: ${hint}`,
    );
  }
}

/** Lists the settings that an edit changes and that count only after a restart, as paths without values. */
export function settingsForRestart(running: IngestionConfig, edit: IngestionConfig): string[] {
  const without = (config: IngestionConfig) =>
    Object.fromEntries(Object.entries(config).filter(([key]) => !LIVE.has(key)));
  return changedPaths(without(running), without(edit), '');
}

function changedPaths(one: unknown, other: unknown, path: string): string[] {
  if (!isRecord(one) || !isRecord(other)) return isDeepStrictEqual(one, other) ? [] : [path];
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].flatMap((name) => changedPaths(one[name], other[name], path === '' ? name : `${path}.${name}`));
}
