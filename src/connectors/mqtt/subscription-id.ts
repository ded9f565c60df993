import { randomInt } from 'node:crypto';

/** MQTT 5 allows identifiers from 1 to 268,435,455; the lowest bit marks shared filters. */
const IDENTIFIERS = 134_217_726;

/** Starts at a random value, so that the identifiers of an earlier process differ. */
let last = randomInt(IDENTIFIERS);

/**
 * Returns the identifier of one SUBSCRIBE, in MQTT 5. Never reused, so a message reveals under which SUBSCRIBE the
 * broker queued it, even after a restart.
 */
export function newSubscriptionId(filter: string): number {
  last = (last + 1) % IDENTIFIERS;
  return (last + 1) * 2 + (filter.startsWith('$share/') ? 1 : 0);
}

/** Returns whether an identifier belongs to a shared filter. */
export function isSharedId(id: number): boolean {
  return id % 2 === 1;
}
