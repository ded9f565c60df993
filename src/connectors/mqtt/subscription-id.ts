import { randomInt } from 'node:crypto';

/** MQTT 5 allows identifiers from 1 to 268,435,455; the lowest bit is kept for shared filters. */
const IDENTIFIERS = 134_217_726;

/** Begins anywhere, so that the identifiers of an earlier process are other ones. */
let last = randomInt(IDENTIFIERS);

/**
 * The identifier for one SUBSCRIBE, in MQTT 5. Never used again: a message shows by it under which SUBSCRIBE a broker
 * queued it, also after a restart.
 */
export function newSubscriptionId(filter: string): number {
  last = (last + 1) % IDENTIFIERS;
  return (last + 1) * 2 + (filter.startsWith('$share/') ? 1 : 0);
}

/** Returns whether an identifier is that of a shared filter. */
export function isSharedId(id: number): boolean {
  return id % 2 === 1;
}
