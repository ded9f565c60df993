/**
 * Options of Node for a process under test: `BENCH_PROFILE=folder` writes its CPU profile there, named after what runs
 * in it. The name must differ from run to run, or the next profile takes its place.
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
