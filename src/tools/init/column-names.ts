/** https://docs.cloud.google.com/bigquery/docs/schemas#column_names */
const MAX_NAME = 300;
/** Room for a number that distinguishes two names. */
const ROOM = 10;
const NOT_IN_NAMES = /[^\p{L}\p{M}\p{N}_]+/gu;
/** BigQuery may reserve names with a leading underscore. */
const NEEDS_PREFIX = /^(?:\p{N}|\p{M}|_)/u;

/**
 * Creates column names that BigQuery accepts and that queries need not quote: letters, digits and underscores, unique
 * regardless of case.
 *
 * @param taken names of existing columns.
 */
export function columnNames(members: readonly string[], taken: readonly string[]): string[] {
  const used = new Set(taken.map((name) => name.toLowerCase()));
  return members.map((member) => {
    const plain =
      member
        .toWellFormed()
        .replaceAll(NOT_IN_NAMES, '_')
        .slice(0, MAX_NAME - ROOM) || 'field';
    const valid = NEEDS_PREFIX.test(plain) ? `f${plain}` : plain;
    const own =
      used.has(valid.toLowerCase()) && taken.length > 0 ? `payload_${valid}`.slice(0, MAX_NAME - ROOM) : valid;
    let name = own;
    for (let number = 2; used.has(name.toLowerCase()); number += 1) name = `${own}_${number}`;
    used.add(name.toLowerCase());
    return name;
  });
}
