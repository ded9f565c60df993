/**
 * Options of Node for a process under test. `BENCH_PROFILE=folder` writes its CPU profile there, under this name. The
 * name must differ between runs, or the next profile overwrites it.
 */
export function profiling(name: readonly (string | undefined)[]): string[] {
  const folder = process.env.BENCH_PROFILE;
  if (folder === undefined) return [];
  const file = name
    .filter(Boolean)
    .join('-')
    .replaceAll(/[^\w.]+/g, '-');
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${file}.cpuprofile`];
}
