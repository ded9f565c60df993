import { createHash } from 'node:crypto';

/** MQTT 5 allows identifiers from 1 to 268,435,455; the lowest bit is kept for shared filters. */
const IDENTIFIERS = 134_217_726;

/**
 * The identifier of a filter's subscription, in MQTT 5. It is made of the filter alone, so that a message which was queued
 * before a restart has the same one as a message of now. Two filters may have one identifier.
 */
export function subscriptionIdOf(filter: string): number {
  const number = createHash('sha256').update(filter).digest().readUInt32BE(0) % IDENTIFIERS;
  return (number + 1) * 2 + (filter.startsWith('$share/') ? 1 : 0);
}

/** Whether an identifier is that of a shared filter. */
export function isSharedId(id: number): boolean {
  return id % 2 === 1;
}
