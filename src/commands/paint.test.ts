import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { startChild } from '../testing/child.ts';
import { builtInPipeline, LAUNCH } from '../testing/cli.ts';
import { pipelineFolder } from '../testing/pipeline-folder.ts';
import { testScope } from '../testing/scope.ts';
import { suite } from '../testing/suite.ts';

const ESCAPE = '\u001b[';
/** Runs a command on a terminal; util-linux has it. */
const hasScript = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0;

suite('colors', (it) => {
  const { test, skip } = it;
  const scope = testScope(it);
  if (!hasScript) {
    skip('are for terminals', 'script of util-linux is not installed');
    return;
  }

  test('are for terminals, and not where NO_COLOR is set', async () => {
    const payload = pipelineFolder(scope).file('payload', '{}');
    const command = `"${process.execPath}" "${LAUNCH}" explain "${builtInPipeline('enrich')}" --payload "${payload}"`;
    // Node prints no colors in continuous integration either.
    const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...rest } = process.env;
    const env = { ...rest, GOOGLE_CLOUD_PROJECT: 'p', TERM: 'xterm-256color' };
    const outputOf = async (more: NodeJS.ProcessEnv) => {
      const child = await startChild('script', ['-qec', command, '/dev/null'], { env: { ...env, ...more } });
      assert.is(await child.exited, 0, child.output);
      assert.match(child.output, 'the message ');
      return child.output;
    };
    const [colored, plain] = await Promise.all([outputOf({}), outputOf({ NO_COLOR: '1' })]);
    assert.ok(colored.includes(ESCAPE), 'on a terminal');
    assert.not.ok(plain.includes(ESCAPE), 'with NO_COLOR');
  });
});
