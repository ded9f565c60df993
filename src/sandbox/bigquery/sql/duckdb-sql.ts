/** Writes a text as DuckDB's literal. */
export const quoteText = (text: string): string => {
  if (!text.includes('\0')) return `'${text.replaceAll("'", "''")}'`;
  return `(${text.split('\0').map(quoteText).join(' || chr(0) || ')})`;
};

/** A column, a literal or a parameter: it may stand twice. */
const isSimple = (sql: string): boolean =>
  /^(\w+\."(?:[^"]|"")+"|CAST\((?:'(?:[^']|'')*'|\$\d+|NULL|-?[\d.e+-]+) AS [\w(),]+\)|'(?:[^']|'')*')$/.test(sql);

/**
 * SQL that has each value once, however often `body` uses it: a lambda's argument. Its name is the same everywhere, so
 * that equal expressions have equal SQL, as GROUP BY needs; `body` therefore does not bind again.
 */
export function bind(values: readonly string[], body: (...names: string[]) => string): string {
  if (values.every(isSimple)) return body(...values);
  const entries = values.map((sql, at) => `'x${at}': ${sql}`);
  const result = body(...values.map((_, at) => `v.x${at}`));
  return `list_transform([{${entries.join(', ')}}], lambda v: ${result})[1]`;
}

/** Fails the query when the condition holds; otherwise the value. A NULL condition lets the value pass. */
export const failIf = (condition: string, message: string, value: string): string =>
  `CASE WHEN ${condition} THEN error(${message}) ELSE ${value} END`;
