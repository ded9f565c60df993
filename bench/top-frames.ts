/**
 * Prints the functions with the most self time in each CPU profile of a folder, in percent of the main thread's busy
 * time: `BENCH_PROFILE=folder npm run bench`, then `node bench/top-frames.ts folder`.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { orUsage, UsageError } from './lib/usage-error.ts';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const FRAMES = 10;
/** Until then, modules are loaded and code is compiled. */
const WARM_UP = 0.4;

for (const file of orUsage(() => profilesOf(process.argv[2]))) {
  const { nodes, samples, timeDeltas }: Profile = JSON.parse(readFileSync(file, 'utf8'));
  const frames = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const place = url.replace(/^.*\/(node_modules|src|bench)\//, '$1/');
      return [id, place === '' ? functionName : `${functionName || '(anonymous)'} ${place}:${lineNumber + 1}`];
    }),
  );
  const self = new Map<string, number>();
  let busy = 0;
  for (let index = Math.floor(samples.length * WARM_UP); index < samples.length; index += 1) {
    const frame = frames.get(samples[index] ?? -1) ?? '';
    const micros = timeDeltas[index] ?? 0;
    if (frame === '(idle)') continue;
    busy += micros;
    self.set(frame, (self.get(frame) ?? 0) + micros);
  }
  console.log(`\n${basename(file)}: ${Math.round(busy / 1_000)} ms busy`);
  const top = [...self].sort((one, other) => other[1] - one[1]).slice(0, FRAMES);
  for (const [frame, micros] of top) console.log(`${((micros / busy) * 100).toFixed(1).padStart(5)} % ${frame}`);
}

function profilesOf(folder: string | undefined): string[] {
  if (folder === undefined) throw new UsageError('node bench/top-frames.ts <folder of .cpuprofile files>');
  const refusal = (why: string) =>
    new UsageError(`${folder}: ${why}; BENCH_PROFILE=${folder} npm run bench writes profiles there`);
  if (!existsSync(folder)) throw refusal('there is no such folder');
  if (!statSync(folder).isDirectory()) throw new UsageError(`${folder}: expected a folder of .cpuprofile files`);
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  if (files.length === 0) throw refusal('there are no .cpuprofile files in it');
  return files.sort().map((name) => join(folder, name));
}
