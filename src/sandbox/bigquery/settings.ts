/** What a running server may be told to do otherwise; changes count at once. */
export interface Settings {
  /** For so long after a patch of the schema inserts do not know the columns that it added. */
  schemaDelayMs: number;
}
