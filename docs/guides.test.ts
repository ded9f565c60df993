import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { startChild } from '../src/testing/child.ts';
import { repositoryCopy } from '../src/testing/repository-copy.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { suite } from '../src/testing/suite.ts';
import { GUIDES, type GuideBlock, guideBlocks } from './guide-blocks.ts';

const COPIED = [
  ...['package.json', 'tsconfig.json', 'biome.json', '.gitignore', '.dependency-cruiser.cjs'],
  ...['src', 'pipelines', 'deploy'],
];

/** Each runs several commands: seconds on a quiet machine, minutes on a busy one. */
const TEST_TIMEOUT_MS = 540_000;

suite('the guides', ({ test, after }) => {
  const scope = suiteScope({ after });
  const copy = repositoryCopy(scope, COPIED);
  for (const folder of ['e2e', 'bench']) mkdirSync(join(copy, folder));

  const run = async (command: string, ...args: readonly string[]): Promise<string> => {
    const child = await startChild(command, args, { cwd: copy });
    assert.is(await child.exited, 0, `${command} ${args.join(' ')}\n${child.output}`);
    return child.output;
  };
  const apply = (block: GuideBlock): void => {
    if (block.kind === 'commands') return;
    const file = join(copy, block.path);
    mkdirSync(dirname(file), { recursive: true });
    if (block.kind === 'file') {
      writeFileSync(file, block.text);
      return;
    }
    const parts = readFileSync(file, 'utf8').split(block.before);
    assert.is(parts.length, 2, `${block.path} has once:\n${block.before}`);
    writeFileSync(file, parts.join(block.after));
  };

  for (const guide of GUIDES) {
    test(
      `${guide}: its code and its commands work as they are shown`,
      async () => {
        const blocks = guideBlocks(guide);
        blocks.forEach(apply);
        const commands = blocks.flatMap((block) => (block.kind === 'commands' ? block.lines : []));
        assert.ok(commands.length > 0, 'it has commands');
        for (const command of commands) {
          const output = await run('sh', '-c', command);
          if (command.startsWith('npm test')) assert.match(output, /^[1-9]\d* passed, 0 failed$/m);
        }
      },
      TEST_TIMEOUT_MS,
    );
  }

  test(
    'show code of the types, the imports and the form of this project',
    async () => {
      const written = GUIDES.flatMap(guideBlocks).flatMap((block) => (block.kind === 'commands' ? [] : [block.path]));
      assert.ok(written.length > 10, `${written.length} files are written`);
      await run('npm', 'run', 'types');
      await run('npm', 'run', 'imports');
      await run(join(copy, 'node_modules/.bin/biome'), 'check', ...written.filter((path) => path.endsWith('.ts')));
    },
    TEST_TIMEOUT_MS,
  );
});
