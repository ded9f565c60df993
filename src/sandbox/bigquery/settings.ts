/** Settings of a running server; a change counts at once. */
export interface Settings {
  /** Inserts refuse the columns that a patch of the schema added for this long. */
  schemaDelayMs: number;
}
