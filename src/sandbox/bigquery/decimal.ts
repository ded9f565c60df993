const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
/** Exceeds any column's digits; keeps `1e999999999` from becoming a billion zeros. */
const MAX_SHIFT = 400;

/**
 * Returns a text's number times 10^`scale`; undefined if the text is not a number, or has more digits after the point.
 */
export function scaledDecimal(text: string, scale: number): bigint | undefined {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
  if (whole === '' && fraction === '') return undefined;
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return 0n;
  const shift = scale + Number(exponent) - fraction.length;
  if (Math.abs(shift) > MAX_SHIFT) return undefined;
  const signed = sign === '-' ? -digits : digits;
  if (shift >= 0) return signed * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  return signed % divisor === 0n ? signed / divisor : undefined;
}

/** Returns the shortest text of `scaled` divided by 10^`scale`. */
export function decimalText(scaled: bigint, scale: number): string {
  const digits = String(scaled < 0n ? -scaled : scaled).padStart(scale + 1, '0');
  const fraction = digits.slice(-scale).replace(/0+$/, '');
  return `${scaled < 0n ? '-' : ''}${digits.slice(0, -scale)}${fraction === '' ? '' : `.${fraction}`}`;
}
