import type { DeadLetter } from '../../dead-letters/read-dead-letter.ts';
import type { ServiceConfig } from '../../services/services.ts';

/** Selects dead letters. Omitted members do not restrict. */
export interface DeadLetterFilter {
  /** Matches any of them. */
  readonly reasons: readonly string[];
  /** Milliseconds since 1970: from this time on. */
  readonly from?: number;
  /** Milliseconds since 1970: before this time. */
  readonly until?: number;
}

/** Returns whether a dead letter has one of the reasons, and its time is within the bounds. */
export function matches({ reasons, from, until }: DeadLetterFilter, { reason, time }: DeadLetter): boolean {
  if (reasons.length > 0 && !reasons.includes(reason)) return false;
  const at = Date.parse(time);
  if (from !== undefined && !(at >= from)) return false;
  return until === undefined || at < until;
}

/**
 * Returns whether a dead letter's original came from a pipeline's source, because pipelines may share a dead-letter
 * topic. An MQTT source is known only by its topic, so all ingestion pipelines count as one.
 */
export function isFrom(config: ServiceConfig, { source }: DeadLetter): boolean {
  return 'mqtt' in config ? source.startsWith('mqtt:') : source === sourceOf(config);
}

/** Returns the full name of the subscription that a pipeline consumes. */
export function sourceOf({ google, source }: Extract<ServiceConfig, { source: object }>): string {
  return `projects/${google.projectId}/subscriptions/${source.subscriptionId}`;
}
