import * as assert from 'uvu/assert';
import { runCli } from '../testing/cli.ts';
import { suite } from '../testing/suite.ts';

suite('options that npm takes for itself', ({ test }) => {
  const teardown = ['teardown', 'pipelines/nowhere'];

  test('are refused with the line that passes them on', async () => {
    const env = { npm_lifecycle_event: 'cli', npm_config_dry_run: 'true', npm_config_with_data: 'true' };
    const { code, stdout, output } = await runCli(teardown, { env });
    assert.is(code, 2);
    assert.is(stdout, '');
    assert.is(
      output,
      'npm has taken --dry-run, --with-data for itself. Options go behind "--":\n' +
        'npm run cli -- teardown pipelines/nowhere --dry-run --with-data\n',
    );
    const demo = await runCli(['demo'], { env: { npm_lifecycle_event: 'demo', npm_config_keep: 'true' } });
    assert.is(demo.code, 2, demo.output);
    assert.match(demo.output, '\nnpm run demo -- --keep\n');
    for (const [value, line] of [
      ['20', '--messages 20'],
      ['true', '… --messages <n>'],
    ] as const) {
      const { output } = await runCli(['demo'], { env: { npm_lifecycle_event: 'demo', npm_config_messages: value } });
      assert.match(output, `\nnpm run demo -- ${line}\n`);
    }
  });

  test('are not those that the command has, of other commands, or of another script', async () => {
    for (const [words, env] of [
      [[...teardown, '--dry-run'], { npm_lifecycle_event: 'cli', npm_config_dry_run: 'true' }],
      [teardown, { npm_lifecycle_event: 'cli', npm_config_keep: 'true', npm_config_dry_run: '' }],
      [teardown, { npm_lifecycle_event: 'test', npm_config_dry_run: 'true' }],
    ] as const) {
      const { output } = await runCli(words, { env });
      assert.match(output, /there is no such file or folder/);
    }
  });
});
