import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from './testing/suite.ts';

suite('options of V8', ({ test }) => {
  test('are supported by this Node: V8 warns about others and ignores them', () => {
    const file = join(import.meta.dirname, 'v8-options.ts');
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
    assert.equal({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
  });
});
