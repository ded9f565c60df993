/** Settings of a running server; changes take effect immediately. */
export interface Settings {
  /** Time for which inserts refuse the columns added by a schema patch. */
  schemaDelayMs: number;
}
