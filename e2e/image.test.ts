import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import * as assert from 'uvu/assert';
import { isIgnored } from '../deploy/dockerfile.ts';
import { suite } from '../src/testing/suite.ts';
import { withTemporaryFolder } from '../src/testing/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '..');

suite('the image', ({ test }) => {
  test('has every module that services load', async () => {
    const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n').filter(Boolean);
    await withTemporaryFolder((folder) => {
      for (const part of ['package.json', 'src', 'pipelines']) {
        cpSync(join(ROOT, part), join(folder, part), {
          recursive: true,
          filter: (path) => !isIgnored(relative(ROOT, path), ignored),
        });
      }
      symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
      const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'cache') };
      const { status, stderr } = spawnSync(process.execPath, ['src/launch.mjs', 'compile'], {
        cwd: folder,
        encoding: 'utf8',
        env,
      });
      assert.is(status, 0, stderr);
    });
  });
});
