/**
 * BigQuery functions that DuckDB lacks or has under the same name with another meaning, as bodies of CREATE MACRO. The
 * latter are named `bq_…`, and the translation of the query renames their calls.
 */
export const SQL_FUNCTIONS: readonly string[] = [
  'bq_list(list) AS list',
  'countif(condition) AS count_if(condition)',
  'logical_and(condition) AS bool_and(condition)',
  'logical_or(condition) AS bool_or(condition)',
  'div(a, b) AS a // b',
  'safe_divide(a, b) AS CASE WHEN b = 0 THEN NULL ELSE a / b END',
  'generate_uuid() AS CAST(uuid() AS VARCHAR)',
  'regexp_contains(text, pattern) AS regexp_matches(text, pattern)',
  `bq_json_value(json, path := '$') AS CASE WHEN json_type(json, path) IN ('OBJECT', 'ARRAY') THEN NULL
     ELSE json_extract_string(json, path) END`,
  'json_query(json, path) AS json_extract(json, path)',
  'bq_timestamp(value) AS CAST(value AS TIMESTAMPTZ)',
  'bq_datetime(value) AS CAST(value AS TIMESTAMP)',
  'bq_date(value) AS CAST(value AS DATE), (year, month, day) AS make_date(year, month, day)',
  'unix_seconds(ts) AS epoch_us(ts) // 1000000',
  'unix_millis(ts) AS epoch_us(ts) // 1000',
  'unix_micros(ts) AS epoch_us(ts)',
  'timestamp_seconds(n) AS make_timestamptz(CAST(n AS BIGINT) * 1000000)',
  'timestamp_millis(n) AS make_timestamptz(CAST(n AS BIGINT) * 1000)',
  'timestamp_micros(n) AS make_timestamptz(CAST(n AS BIGINT))',
  'timestamp_add(ts, span) AS ts + span',
  'timestamp_sub(ts, span) AS ts - span',
  'bq_date_add(day, span) AS CAST(day + span AS DATE)',
  'bq_date_sub(day, span) AS CAST(day - span AS DATE)',
  'timestamp_trunc(ts, part) AS date_trunc(part, ts)',
  'timestamp_diff(later, earlier, part) AS date_sub(part, earlier, later)',
  'bq_date_trunc(day, part) AS CAST(date_trunc(part, day) AS DATE)',
  'bq_date_diff(later, earlier, part) AS date_diff(part, earlier, later)',
];
