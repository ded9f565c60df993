const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([[\]{}:,]|true|false|null))/gy;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;

/**
 * Returns the text of a JSON value as the service stores it: without white space, the first of equal keys, exact 64-bit
 * integers. Undefined if it is not JSON, or has a number that is neither such an integer nor exact as a double. See
 * https://docs.cloud.google.com/bigquery/docs/reference/standard-sql/data-types#json_type.
 */
export function canonicalJson(text: string): string | undefined {
  try {
    const plain = JSON.stringify(JSON.parse(text));
    return plain === text ? text : rewrite(text);
  } catch {
    return undefined;
  }
}

/** Rewrites valid JSON token by token. Throws a RangeError for a number that cannot be kept. */
function rewrite(text: string): string {
  const tokens = text.matchAll(TOKEN);
  const next = (): string => {
    const [, string, number, other = ''] = tokens.next().value ?? [];
    if (number !== undefined) return numberText(number);
    return string === undefined ? other : JSON.stringify(JSON.parse(string));
  };
  const value = (token: string): string => {
    if (token === '[') return list();
    return token === '{' ? object() : token;
  };
  const list = (): string => {
    const items: string[] = [];
    for (let token = next(); token !== ']'; token = next()) if (token !== ',') items.push(value(token));
    return `[${items.join()}]`;
  };
  const object = (): string => {
    const members = new Map<string, string>();
    for (let token = next(); token !== '}'; token = next()) {
      if (token === ',') continue;
      next();
      const member = value(next());
      if (!members.has(token)) members.set(token, member);
    }
    return `{${[...members].map(([key, member]) => `${key}:${member}`).join()}}`;
  };
  return value(next());
}

function numberText(source: string): string {
  if (/^-?\d+$/.test(source)) {
    const integer = BigInt(source);
    if (integer >= MIN_INT64 && integer <= MAX_UINT64) return String(integer);
  }
  const written = JSON.stringify(Number(source));
  if (plainDigits(written) !== plainDigits(source)) throw new RangeError(`${source} is not a double`);
  return written;
}

/** Returns a number's digits and the position of its point, in any notation. */
function plainDigits(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  const place = Number(exponent) - fraction.length + digits.length - significant.length;
  return significant === '' ? '0' : `${sign}${significant}e${place}`;
}
