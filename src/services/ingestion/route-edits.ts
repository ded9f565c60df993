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
/** Settings that take effect at run time, and those that services ignore. */
const LIVE: ReadonlySet<string> = new Set(['routes', 'producers', 'resources']);

export interface FollowEditsOptions {
  /** The configuration that the service started with. */
  readonly config: IngestionConfig;
  /** The running routes, replaced by each accepted edit. */
  readonly table: BehaviorSubject<RouteTable>;
  /** Checks that topics exist. Rejects with a RetryableError while that is unknown. */
  readonly check: (topicIds: readonly string[]) => Promise<void>;
  readonly telemetry: Telemetry;
  readonly onChanged: (routing: RoutingConfig) => void;
}

/**
 * Applies configuration edits. New topics are checked as at start. A refused edit is logged and counted, and the
 * running routes stay. Edits of other settings are logged, and take effect after a restart. Never ends the service.
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
 * Checks each edit like a start does, and emits it or the reason for its refusal. Retries during an outage; a newer
 * edit replaces a waiting one.
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

/** @throws FatalError if an edit needs other connections than the open ones, one per producer. */
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

/** Returns the changed settings that take effect only after a restart, as paths without values. */
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
