/**
 * `npm run e2e`: runs the flows on the target named by `E2E_TARGET`, each in its own process, on servers that are
 * started once. Arguments: `--dry-run` lists the resources that would be created; names of flows run only those.
 */
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command } from 'commander';
import { startChild } from '../../src/testing/child.ts';
import { openTarget, projectOf, type TargetName, targetName } from './harness/target.ts';

const ROOT = join(import.meta.dirname, '../..');
const command = new Command('npm run e2e --')
  .argument('[flows...]', 'names of flows; default: all')
  .option('--dry-run', 'list what would be created', false)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { dryRun: isDryRun } = command.opts<{ dryRun: boolean }>();
const names = command.args;
const all = globSync(join(import.meta.dirname, '*.test.ts')).sort();
const nameOf = (file: string) => basename(file, '.test.ts');
const files = names.length === 0 ? all : all.filter((file) => names.includes(nameOf(file)));
const unknown = names.filter((name) => !all.map(nameOf).includes(name));
if (unknown.length > 0) {
  console.error(`there is no flow ${unknown.join(', ')}; there are ${all.map(nameOf).join(', ')}`);
  process.exit(2);
}

function run(env: Readonly<Record<string, string>>): Promise<number | null> {
  const started = performance.now();
  return startChild(process.execPath, [join(ROOT, 'src/testing/run.ts'), ...files], {
    env: { ...process.env, ...env, VERBOSE: '1' },
    onOutput: (text) => process.stdout.write(text),
  }).then(async ({ exited }) => {
    const code = await exited;
    console.log(`${((performance.now() - started) / 1_000).toFixed(0)} s`);
    return code;
  });
}

async function runOn(name: TargetName): Promise<number> {
  if (isDryRun) {
    projectOf(name);
    return (await run({ E2E_DRY_RUN: '1' })) ?? 1;
  }
  // A sandbox starts quickly: each flow has its own.
  if (name === 'sandbox') return (await run({})) ?? 1;
  const target = await openTarget(name);
  try {
    const labels = Object.entries(target.servedBy).map(([part, by]) => [`E2E_SERVED_BY_${part.toUpperCase()}`, by]);
    return (await run({ ...target.env, ...Object.fromEntries(labels) })) ?? 1;
  } finally {
    await target.close();
  }
}

try {
  process.exitCode = await runOn(targetName());
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  process.exitCode = 2;
}
