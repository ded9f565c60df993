/**
 * Options of V8 that a service needs on Node's command line: they size the heap before anything runs. Others are set by
 * `v8-options.ts`. Bounds the two halves of the young generation; decision 0042 compares sizes.
 */
export const NODE_OPTIONS = ['--max-semi-space-size=32'];

/**
 * Variables that a service needs before it starts. With one arena, glibc's threads share free memory, instead of
 * keeping their own: 14 MB less in enrich.
 */
export const ALLOCATOR_ENV = { MALLOC_ARENA_MAX: '1' };

/** Those that neither the command line nor `NODE_OPTIONS` gives; a value of the operator's own stays. */
export function missingNodeOptions() {
  const given = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ').replaceAll('_', '-');
  return NODE_OPTIONS.filter((option) => !given.includes(option.slice(0, option.indexOf('='))));
}
