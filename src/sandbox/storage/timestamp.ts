import * as v from 'valibot';

/** An RFC 3339 time with its zone. */
export const timestamp = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.check((time) => !Number.isNaN(Date.parse(time)), 'not a time'),
);
