/**
 * Options of V8 that a service needs on Node's command line: they size the heap before anything runs. Others are set by
 * `v8-options.ts`. Bounds the two halves of the young generation, which V8 lets grow to 64 MB each.
 */
export const NODE_OPTIONS = ['--max-semi-space-size=16'];

/** Those that neither the command line nor `NODE_OPTIONS` gives; a value of the operator's own stays. */
export function missingNodeOptions() {
  const given = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ').replaceAll('_', '-');
  return NODE_OPTIONS.filter((option) => !given.includes(option.slice(0, option.indexOf('='))));
}
