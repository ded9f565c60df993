import * as assert from 'uvu/assert';
import { createArchiveToReplay } from '../../testing/archive-to-replay.ts';
import { builtInPipeline } from '../../testing/cli.ts';
import { runReplay } from '../../testing/replay-cli.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';

suite('the command line of replay', ({ test, after }) => {
  const scope = suiteScope({ after });

  test('refuses bad options with the reason', async () => {
    const { sandbox } = await startServers(scope, { parts: ['mqtt', 'pubsub', 'storage'] });
    await createArchiveToReplay(sandbox.projectId);
    const cases: [string[], number, RegExp][] = [
      [['archive/own'], 2, /--to/],
      [['archive/own', '--to', 'pubsub'], 2, /--topic: --to pubsub needs/],
      [['archive/own', '--to', 'pubsub', '--topic', 'none'], 2, /--topic: none/],
      [['no-such-bucket/own', '--to', 'mqtt'], 2, /<bucket\/prefix>: no-such-bucket/],
      [['archive/own', '--to', 'mqtt', '--speed', '0'], 2, /Expected a number above 0/],
      [['archive/own', '--to', 'mqtt', '--spread', '10'], 2, /Expected a duration above 0/],
      [['archive/own', '--to', 'mqtt', '--spread', '0s'], 2, /above 0/],
      [
        ['archive/own', '--to', 'mqtt', '--spread', '1m', '--speed', '2'],
        2,
        /--spread .*cannot be used with .*--speed/,
      ],
      [['archive/own', '--to', 'mqtt', '--input', 'json'], 2, /auto, envelope, raw/],
      [['archive/own', '--to', 'mqtt', '--topic', 'a/+'], 2, /--topic: cannot publish to a topic with "\+"/],
      [['archive/own', '--to', 'mqtt', '--topic', 'a/{b'], 2, /--topic: "a\/\{b" has an unpaired brace/],
      [['archive/own', '--to', 'mqtt', '--from', 'yesterday'], 2, /Expected a time/],
      [['archive/own', '--to', 'mqtt', '--time', 'taken_at'], 2, /Expected a path/],
      [['archive/own', '--to', 'mqtt', '--pipeline', builtInPipeline('nothing')], 2, /nothing/],
    ];
    await Promise.all(
      cases.map(async ([args, code, message]) => {
        const ran = await runReplay(...args);
        assert.is(ran.code, code, `${args.join(' ')}: ${ran.output}`);
        assert.match(ran.output, message);
      }),
    );
  });
});
