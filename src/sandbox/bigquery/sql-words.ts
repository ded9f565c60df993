/** The types that CAST can name, in DuckDB's words. */
export const CAST_TYPES: Readonly<Record<string, string>> = {
  STRING: 'VARCHAR',
  BYTES: 'BLOB',
  INT64: 'BIGINT',
  INT: 'BIGINT',
  INTEGER: 'BIGINT',
  BIGINT: 'BIGINT',
  FLOAT64: 'DOUBLE',
  NUMERIC: 'DECIMAL(38,9)',
  DECIMAL: 'DECIMAL(38,9)',
  BOOL: 'BOOLEAN',
  BOOLEAN: 'BOOLEAN',
  TIMESTAMP: 'TIMESTAMPTZ',
  DATETIME: 'TIMESTAMP',
  DATE: 'DATE',
  TIME: 'TIME',
};

/** What may stand before a string to make it a literal of a type. */
export const TYPED_LITERALS: Readonly<Record<string, string>> = {
  TIMESTAMP: 'TIMESTAMPTZ',
  DATETIME: 'TIMESTAMP',
  DATE: 'DATE',
  TIME: 'TIME',
  NUMERIC: 'DECIMAL(38,9)',
  JSON: 'JSON',
};

/** Functions that are called by another name in DuckDB. */
export const RENAMED_FUNCTIONS: Readonly<Record<string, string>> = {
  SAFE_CAST: 'TRY_CAST',
  JSON_VALUE: 'bq_json_value',
  JSON_EXTRACT_SCALAR: 'bq_json_value',
  TIMESTAMP: 'bq_timestamp',
  DATETIME: 'bq_datetime',
  DATE: 'bq_date',
  DATE_ADD: 'bq_date_add',
  DATE_SUB: 'bq_date_sub',
  DATE_TRUNC: 'bq_date_trunc',
  DATE_DIFF: 'bq_date_diff',
};

/** Functions that take a date part, and the parts. */
export const PART_FUNCTIONS: ReadonlySet<string> = new Set([
  'TIMESTAMP_TRUNC',
  'TIMESTAMP_DIFF',
  'DATE_TRUNC',
  'DATE_DIFF',
]);
export const DATE_PARTS: ReadonlySet<string> = new Set(
  'MICROSECOND MILLISECOND SECOND MINUTE HOUR DAY MONTH QUARTER YEAR'.split(' '),
);
/** Parts that begin on another day in DuckDB. */
export const UNSUPPORTED_PARTS: ReadonlySet<string> = new Set('WEEK ISOWEEK DAYOFWEEK ISOYEAR'.split(' '));

/** Functions that DuckDB has with another meaning, or another treatment of NULL; and the syntax of structs. */
export const OTHER_MEANING: ReadonlySet<string> = new Set(
  'STRUCT LOG MD5 SHA1 SHA256 SHA512 FORMAT CONCAT GREATEST LEAST REGEXP_EXTRACT REGEXP_REPLACE'.split(' '),
);

/** What begins a statement that is no query. */
export const STATEMENTS: ReadonlySet<string> = new Set(
  `INSERT UPDATE DELETE MERGE TRUNCATE CREATE ALTER DROP DECLARE SET BEGIN COMMIT ROLLBACK CALL EXECUTE EXPORT LOAD GRANT
  REVOKE ASSERT IF LOOP WHILE FOR`.split(/\s+/),
);

/** GoogleSQL's reserved words, which are no alias without quotes; and the words that may follow a table. */
export const RESERVED: ReadonlySet<string> = new Set(
  `ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS CUBE CURRENT
  DEFAULT DEFINE DESC DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING FOR FROM FULL
  GROUP GROUPING GROUPS HASH HAVING IF IGNORE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT LOOKUP
  MERGE NATURAL NEW NO NOT NULL NULLS OF ON OR ORDER OUTER OVER PARTITION PRECEDING PROTO QUALIFY RANGE RECURSIVE
  RESPECT RIGHT ROLLUP ROWS SELECT SET SOME STRUCT TABLESAMPLE THEN TO TREAT TRUE UNBOUNDED UNION UNNEST USING WHEN
  WHERE WINDOW WITH WITHIN`.split(/\s+/),
);

/** The words that end a FROM clause. */
export const CLAUSES: ReadonlySet<string> = new Set(
  'SELECT WHERE GROUP HAVING QUALIFY WINDOW ORDER LIMIT UNION INTERSECT EXCEPT'.split(' '),
);

/** Words that can name a column in GoogleSQL, and in DuckDB only in quotes. */
export const DUCKDB_RESERVED: ReadonlySet<string> = new Set(
  `ANALYZE ASYMMETRIC BOTH CHECK COLUMN CONSTRAINT DEFERRABLE DESCRIBE DO FOREIGN INITIALLY LAMBDA LEADING ONLY PLACING
  PRIMARY REFERENCES RETURNING SHOW SUMMARIZE SYMMETRIC TABLE TRAILING UNIQUE USER VARIADIC`.split(/\s+/),
);
