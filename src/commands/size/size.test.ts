import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { lastJson, runCli } from '../../testing/cli.ts';
import { suite } from '../../testing/suite.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/performance.md'), 'utf8');
const ASKED = ['--rate', '20000', '--latency', '30', '--devices', '2000'];

suite('the command size', ({ test }) => {
  test('prints the example of docs/performance.md', async () => {
    const { code, stdout } = await runCli(['size', ...ASKED]);
    assert.is(code, 0);
    assert.ok(PAGE.includes(`\`\`\`\n${stdout.trim()}\n\`\`\``), `the page does not show\n${stdout}`);
  });

  test('prints JSON, and refuses bad options with the reason', async () => {
    const ended = await runCli(['size', ...ASKED, '--order', 'device', '--json']);
    const [ingestion] = lastJson(ended).services;
    assert.is(ingestion.service, 'ingestion');
    assert.ok(ingestion.replicas > 1 && ingestion.notes.length > 0);
    const cases: [string[], RegExp][] = [
      [['--rate', '5', '--devices', '2'], /--latency/],
      [['--rate', '0', '--latency', '3', '--devices', '2'], /--rate.*Expected a number from 0.001 to 10000000/],
      [
        ['--rate', '5', '--latency', 'x', '--devices', '2'],
        /--latency.*Expected a number from 0.1 to 60000, such as 30/,
      ],
      [['--rate', '5', '--latency', '3', '--devices', '2.5'], /--devices.*Expected a whole number/],
      [[...ASKED, '--order', 'time'], /--order.*none, device, buckets/],
      [[...ASKED, '--misses', '101'], /--misses.*from 0 to 100/],
    ];
    for (const [args, message] of cases) {
      const { code, output } = await runCli(['size', ...args]);
      assert.is(code, 2, output);
      assert.match(output, message);
    }
    const help = await runCli(['size', '--help']);
    assert.match(help.output, 'size --rate 20000 --latency 30 --devices 2000');
  });
});
