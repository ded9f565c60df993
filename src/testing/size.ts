/** True if the tests of `*.faults.test.ts` run at full size (`npm run test:faults`), false for short ones (`npm test`). */
export const isFullSize = process.env.TEST_SIZE === 'full';

/** Selects the value for the size of this run. Only sizes may differ: both sizes make the same assertions. */
export function sized<Value>({ full, short }: { readonly full: Value; readonly short: Value }): Value {
  assertMayDifferBySize();
  return isFullSize ? full : short;
}

/**
 * Throws unless the running test file is run by `npm run test:faults`: elsewhere the full size would never be tested.
 */
export function assertMayDifferBySize(): void {
  const file = process.argv[1] ?? '';
  if (!file.endsWith('.faults.test.ts')) throw new Error(`${file}: only *.faults.test.ts files have a full size`);
}
