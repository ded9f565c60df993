import { filter, type MonoTypeOperatorFunction } from 'rxjs';
import type { Delivery } from '../../core/delivery.ts';
import { PoisonError } from '../../core/errors.ts';
import type { RouteTable } from './route-table.ts';

/**
 * Takes out what is smaller or larger than its route allows, before anything reads it: into dead-letter or away, as the
 * route says. Deliveries without a route pass.
 */
export function withinLimits(table: () => RouteTable): MonoTypeOperatorFunction<Delivery> {
  return filter((delivery) => {
    const routes = table();
    if (!routes.hasLimits) return true;
    const { attributes, payload } = delivery.message;
    const route = routes.routeOf(attributes.mqtt_topic ?? '');
    const limits = route?.limits;
    if (limits === undefined) return true;
    const { minBytes, maxBytes = Number.POSITIVE_INFINITY, outside } = limits;
    const size = payload.byteLength;
    if (size >= minBytes && size <= maxBytes) return true;
    if (outside === 'drop') delivery.drop();
    else {
      const [reason, limit] =
        size < minBytes
          ? (['too_small', `minBytes (${minBytes})`] as const)
          : (['too_large', `maxBytes (${maxBytes})`] as const);
      const problem = `the payload has ${size} bytes, outside of routes.${route?.name}.payload.${limit}`;
      delivery.deadLetter(new PoisonError(reason, problem));
    }
    return false;
  });
}
