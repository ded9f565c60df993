/** The operators of a graph, in groups between the probes that count messages. */
export interface GraphOutline {
  /** Probes in the order of the graph. */
  readonly probes: readonly string[];
  /** `operators[i]` stand before `probes[i]`; the last ones after all probes. */
  readonly operators: readonly (readonly string[])[];
}

/** The first parameter of a function, a method or an arrow function. */
const PARAMETER = /^(?:function\b\s*)?(?:[\w$]+\s*)?\(\s*([\w$]+)/;
const OPEN = '([{';
const CLOSE = ')]}';

/**
 * Reads the operators and probes of a graph from the source text of the function that composes it, so that a picture of the
 * graph shows what the code says: the arguments of `deliveries.pipe(…)`, where `tap(probes.NAME.hit)` is a probe.
 * Undefined if the text is not of that form, as that of a minified program may be.
 */
export function outlineOf(graph: (...parts: never[]) => unknown): GraphOutline | undefined {
  const source = withoutComments(graph.toString());
  const [, parameter] = PARAMETER.exec(source) ?? [];
  if (parameter === undefined) return undefined;
  const [start, another] = source.matchAll(
    new RegExp(`(?<![\\w$.])${parameter.replaceAll('$', '\\$')}\\s*\\.pipe\\(`, 'g'),
  );
  // A graph with branches has no single order.
  if (start === undefined || another !== undefined) return undefined;
  const stages = splitArguments(source.slice(start.index + start[0].length));
  if (stages === undefined) return undefined;
  const probes: string[] = [];
  const operators: string[][] = [[]];
  for (const stage of stages) {
    const [, probe] = /^tap\((?:[\w$]+\.)*?([\w$]+)\.hit\)$/.exec(stage) ?? [];
    if (probe === undefined) operators.at(-1)?.push(operatorName(stage));
    else {
      probes.push(probe);
      operators.push([]);
    }
  }
  return { probes, operators };
}

function withoutComments(source: string): string {
  return source.replaceAll(
    /('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    '$1',
  );
}

/** The arguments up to the bracket that closes the call; undefined if there is none. */
function splitArguments(source: string): string[] | undefined {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  let quote = '';
  for (let index = 0; index < source.length; index += 1) {
    const character = source.charAt(index);
    if (quote !== '') {
      if (character === '\\') index += 1;
      else if (character === quote) quote = '';
    } else if ('\'"`'.includes(character)) quote = character;
    else if (OPEN.includes(character)) depth += 1;
    else if (CLOSE.includes(character) && depth > 0) depth -= 1;
    else if (CLOSE.includes(character) || (character === ',' && depth === 0)) {
      const argument = source.slice(from, index).trim();
      if (argument !== '') found.push(argument);
      from = index + 1;
      if (character !== ',') return found;
    }
  }
  return undefined;
}

/** `mapMessage(identifyBy(config.id))` is `mapMessage(identifyBy)`; `publish` is `publish`. */
function operatorName(stage: string): string {
  const [, name = stage, inner] = /^([\w$.]+)\s*(?:\(\s*([\w$]+)\s*\()?/.exec(stage) ?? [];
  return inner === undefined ? name : `${name}(${inner})`;
}
