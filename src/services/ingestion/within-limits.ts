import { PoisonError } from '../../core/errors.ts';
import type { Message } from '../../core/message.ts';
import type { RouteTable } from './route-table.ts';

/**
 * Checks a message's size against its route before anything reads it. Returns false if the route drops such messages,
 * otherwise throws a PoisonError (`too_small`, `too_large`). Messages without a route pass.
 */
export function withinLimits(table: () => RouteTable): (message: Message) => boolean {
  return (message) => {
    const routes = table();
    if (!routes.hasLimits) return true;
    const { attributes, payload } = message;
    const route = routes.routeOf(attributes.mqtt_topic ?? '');
    const limits = route?.limits;
    if (limits === undefined) return true;
    const { minBytes, maxBytes = Number.POSITIVE_INFINITY, outside } = limits;
    const size = payload.byteLength;
    if (size >= minBytes && size <= maxBytes) return true;
    if (outside === 'drop') return false;
    const [reason, limit] =
      size < minBytes
        ? (['too_small', `minBytes (${minBytes})`] as const)
        : (['too_large', `maxBytes (${maxBytes})`] as const);
    throw new PoisonError(reason, `the payload has ${size} bytes, outside of routes.${route?.name}.payload.${limit}`);
  };
}
