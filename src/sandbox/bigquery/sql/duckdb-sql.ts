/** Writes a text as a DuckDB literal. */
export const quoteText = (text: string): string => {
  if (!text.includes('\0')) return `'${text.replaceAll("'", "''")}'`;
  return `(${text.split('\0').map(quoteText).join(' || chr(0) || ')})`;
};

/** A column, literal or parameter, which may be repeated. */
const isSimple = (sql: string): boolean =>
  /^(\w+\."(?:[^"]|"")+"|CAST\((?:'(?:[^']|'')*'|\$\d+|NULL|-?[\d.e+-]+) AS [\w(),]+\)|'(?:[^']|'')*')$/.test(sql);

/**
 * Writes SQL that evaluates each value once, however often `body` uses it, as a lambda's argument. Argument names are
 * fixed, so that equal expressions have equal SQL, as GROUP BY requires; `body` must therefore not bind again.
 */
export function bind(values: readonly string[], body: (...names: string[]) => string): string {
  if (values.every(isSimple)) return body(...values);
  const entries = values.map((sql, at) => `'x${at}': ${sql}`);
  const result = body(...values.map((_, at) => `v.x${at}`));
  return `list_transform([{${entries.join(', ')}}], lambda v: ${result})[1]`;
}

/** Fails the query if the condition holds; otherwise returns the value. A NULL condition passes. */
export const failIf = (condition: string, message: string, value: string): string =>
  `CASE WHEN ${condition} THEN error(${message}) ELSE ${value} END`;
