import { finalize, map, type Observable, share } from 'rxjs';
import { deepFreeze } from '../util/deep-freeze.ts';
import type { Fetcher, LookupData } from './fetcher.ts';

/** Lets concurrent fetches of one key share one fetch of the layer behind it. What they share is frozen. */
export function singleFlight(next: Fetcher): Fetcher {
  const flights = new Map<string, Observable<LookupData | undefined>>();
  return {
    fetch: (key) => {
      const known = flights.get(key);
      if (known !== undefined) return known;
      const flight: Observable<LookupData | undefined> = next.fetch(key).pipe(
        map(deepFreeze),
        finalize(() => {
          if (flights.get(key) === flight) flights.delete(key);
        }),
        share(),
      );
      flights.set(key, flight);
      return flight;
    },
    invalidate: (key) => {
      // Whoever asks from now on must not get what was asked for before.
      flights.delete(key);
      return next.invalidate(key);
    },
    close: () => next.close(),
  };
}
