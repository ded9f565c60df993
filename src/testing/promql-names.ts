/** A metric in a query of Prometheus, with the labels that the query names. */
export interface NamedSeries {
  readonly metric: string;
  /** Labels in its braces, each with the values that it should match; a negated one has none. */
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

const SELECTOR = /\b((?:dataflow|process|nodejs)_\w+)(?:\{([^}]*)\})?/g;
const MATCHER = /(\w+)(=~|!~|!=|=)"([^"]*)"/g;
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;

/** Returns the metrics that a query names. */
export function seriesIn(query: string): NamedSeries[] {
  return Array.from(query.matchAll(SELECTOR), ([, metric = '', braces = '']) => ({
    metric,
    matchers: Array.from(braces.matchAll(MATCHER), ([, label = '', operator = '', value = '']) => ({
      label,
      values: operator === '=' ? [value] : operator === '=~' ? alternatives(value) : [],
    })),
  }));
}

/** Returns the labels that a query groups by. */
export function groupLabelsIn(query: string): string[] {
  return Array.from(query.matchAll(GROUPING), ([, labels = '']) => labels.split(',').map((label) => label.trim()))
    .flat()
    .filter((label) => label !== '');
}

/** Splits `a.(b|c)|d` into `a.b`, `a.c` and `d`. Nested groups are not supported. */
function alternatives(pattern: string): string[] {
  return pattern.split(/\|(?![^(]*\))/).flatMap((part) => {
    const [, head, group, tail] = /^([^(]*)\(([^)]*)\)(.*)$/.exec(part) ?? [];
    return group === undefined ? [part] : group.split('|').map((each) => `${head}${each}${tail}`);
  });
}
