import * as v from 'valibot';
import { canonicalType, fieldNamed } from './column-types.ts';

/** https://docs.cloud.google.com/bigquery/docs/schemas#flexible-column-names */
const COLUMN_NAME = /^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}&%=+:'<>#| ]{1,300}$/u;
/** https://docs.cloud.google.com/bigquery/docs/schemas#column_names; compared without case. */
const RESERVED_PREFIXES = [
  '_TABLE_',
  '_FILE_',
  '_PARTITION',
  '_ROW_TIMESTAMP',
  '__ROOT__',
  '_COLIDENTIFIER',
  '_CHANGE_SEQUENCE_NUMBER',
  '_CHANGE_TYPE',
  '_CHANGE_TIMESTAMP',
];
const PARTITION_TYPES: ReadonlySet<string> = new Set(['TIMESTAMP', 'DATE', 'DATETIME']);
/** https://docs.cloud.google.com/bigquery/docs/clustered-tables#cluster_column_types */
const CLUSTER_TYPES: ReadonlySet<string> = new Set([
  'BIGNUMERIC',
  'BOOLEAN',
  'DATE',
  'DATETIME',
  'GEOGRAPHY',
  'INTEGER',
  'NUMERIC',
  'STRING',
  'TIMESTAMP',
]);
const MAX_NESTING = 15;

function reservedPrefix(name: string): string | undefined {
  return RESERVED_PREFIXES.find((prefix) => name.toUpperCase().startsWith(prefix));
}

/** The name of a column or field: letters of any script, digits, and the punctuation that BigQuery allows. */
export const columnName = v.pipe(
  v.string(),
  v.regex(COLUMN_NAME, "expected 1 to 300 letters, digits, spaces and _ - & % = + : ' < > # | (no dot, no slash)"),
  v.check(
    (name) => reservedPrefix(name) === undefined,
    ({ input }) => `"${input}" begins with ${reservedPrefix(input)}, which BigQuery reserves`,
  ),
);

interface RuledColumn {
  readonly name: string;
  readonly type: string;
  readonly mode: string;
  readonly fields?: readonly RuledColumn[] | undefined;
}

interface RuledTable {
  readonly schema?: readonly RuledColumn[] | undefined;
  readonly partitioning?: { readonly type: string; readonly field?: string | undefined } | undefined;
  readonly clustering?: readonly string[] | undefined;
}

interface TableProblem {
  readonly path: readonly (string | number)[];
  readonly problem: string;
}

/** Checks a table's columns against each other, and its partitioning and clustering against the columns. */
export function tableRules<T extends RuledTable>(): v.RawCheckAction<T> {
  return v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const { path, problem } of tableProblems(dataset.value)) {
      const [first, ...rest] = path.map((key) => ({
        type: 'object' as const,
        origin: 'value' as const,
        input: {},
        key: String(key),
        value: undefined,
      }));
      if (first !== undefined) addIssue({ message: problem, path: [first, ...rest] });
    }
  });
}

function tableProblems({ schema, partitioning, clustering = [] }: RuledTable): TableProblem[] {
  // Resources may omit the schema; the schema of the pipeline's own table applies then.
  if (schema === undefined) return [];
  const found = columnProblems(schema, ['schema'], 1);
  if (partitioning?.field !== undefined)
    found.push(...partitioningProblems(partitioning.type, partitioning.field, schema));
  return [...found, ...clusteringProblems(clustering, schema)];
}

function columnProblems(columns: readonly RuledColumn[], at: TableProblem['path'], depth: number): TableProblem[] {
  return columns.flatMap(({ name, type, fields = [] }, index) => {
    const path = [...at, index];
    const found: TableProblem[] = [];
    if (fieldNamed(columns.slice(0, index), name) !== undefined) {
      const problem = `"${name}" is already a column; case is ignored`;
      found.push({ path: [...path, 'name'], problem });
    }
    const isRecord = canonicalType(type) === 'RECORD';
    const below = [...path, 'fields'];
    if (isRecord && fields.length === 0) found.push({ path: below, problem: `a ${type} needs fields` });
    if (!isRecord && fields.length > 0) {
      found.push({ path: below, problem: `only a RECORD has fields, and "${name}" is a ${type}` });
    }
    if (depth >= MAX_NESTING && fields.length > 0) {
      return [...found, { path: below, problem: `fields are nested at most ${MAX_NESTING} levels deep` }];
    }
    return isRecord ? [...found, ...columnProblems(fields, below, depth + 1)] : found;
  });
}

function partitioningProblems(type: string, field: string, schema: readonly RuledColumn[]): TableProblem[] {
  const path = ['partitioning', 'field'];
  const column = fieldNamed(schema, field);
  if (column === undefined) return [{ path, problem: `"${field}" is not a column of table.schema` }];
  if (column.mode === 'REPEATED') return [{ path, problem: `"${field}" is REPEATED; expected one value per row` }];
  if (!PARTITION_TYPES.has(column.type)) {
    return [{ path, problem: `"${field}" is a ${column.type}; expected a TIMESTAMP, DATE or DATETIME` }];
  }
  if (type !== 'HOUR' || column.type !== 'DATE') return [];
  return [
    { path: ['partitioning', 'type'], problem: `expected DAY, MONTH or YEAR instead of HOUR: "${field}" is a DATE` },
  ];
}

function clusteringProblems(clustering: readonly string[], schema: readonly RuledColumn[]): TableProblem[] {
  return clustering.flatMap((name, index) => {
    const path = ['clustering', index];
    const column = fieldNamed(schema, name);
    if (column === undefined) return [{ path, problem: `"${name}" is not a column of table.schema` }];
    if (column.mode === 'REPEATED') return [{ path, problem: `"${name}" is REPEATED; expected one value per row` }];
    if (!CLUSTER_TYPES.has(canonicalType(column.type))) {
      const problem = `"${name}" is a ${column.type}; expected one of ${[...CLUSTER_TYPES].join(', ')}`;
      return [{ path, problem }];
    }
    const isNamedTwice = clustering.slice(0, index).some((other) => other.toLowerCase() === name.toLowerCase());
    return isNamedTwice ? [{ path, problem: `"${name}" is named twice` }] : [];
  });
}
