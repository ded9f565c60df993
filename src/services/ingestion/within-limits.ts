import { PoisonError } from '../../core/errors.ts';
import { type Drop, drop } from '../../core/hook-result.ts';
import type { Message } from '../../core/message.ts';
import type { RouteTable } from './route-table.ts';

/**
 * Takes out a message that is smaller or larger than its route allows, before anything reads it: into dead-letter
 * (`too_small`, `too_large`) or away, as the route says. Messages without a route pass.
 */
export function withinLimits(table: () => RouteTable): (message: Message) => Message | Drop {
  return (message) => {
    const routes = table();
    if (!routes.hasLimits) return message;
    const { attributes, payload } = message;
    const route = routes.routeOf(attributes.mqtt_topic ?? '');
    const limits = route?.limits;
    if (limits === undefined) return message;
    const { minBytes, maxBytes = Number.POSITIVE_INFINITY, outside } = limits;
    const size = payload.byteLength;
    if (size >= minBytes && size <= maxBytes) return message;
    if (outside === 'drop') return drop;
    const [reason, limit] =
      size < minBytes
        ? (['too_small', `minBytes (${minBytes})`] as const)
        : (['too_large', `maxBytes (${maxBytes})`] as const);
    throw new PoisonError(reason, `the payload has ${size} bytes, outside of routes.${route?.name}.payload.${limit}`);
  };
}
