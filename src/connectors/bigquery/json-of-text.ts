import { parseExact } from '../../util/json/lossless-json.ts';
import { rejected } from './column-value.ts';

/** Parses a string as JSON; every other value stays. Throws a PoisonError (`rejected`) that names the column. */
export function jsonOfText(name: string): (value: unknown) => unknown {
  return (value) => {
    if (typeof value !== 'string') return value;
    try {
      return parseExact(value);
    } catch {
      throw rejected(`${name}: the text is no JSON`);
    }
  };
}
