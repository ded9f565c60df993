import * as assert from 'uvu/assert';
import { suite } from '../../src/testing/suite.ts';
import { optionsOf } from './options.ts';
import { UsageError } from './usage-error.ts';

const QUICK = ['operators', 'throughput', 'latency', 'insert', 'dead-letters', 'ordered', 'objects'];

function refusalOf(...args: string[]): string {
  try {
    optionsOf(args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error(`${args.join(' ')} was taken`);
}

suite('options of the bench', ({ test }) => {
  test('request everything, the quick parts, or single parts', () => {
    const { parts, isWhole } = optionsOf([]);
    assert.equal(parts, [...QUICK, 'idle', 'growth']);
    assert.ok(isWhole);
    const quick = optionsOf(['--quick']);
    assert.equal(quick.parts, QUICK);
    assert.ok(quick.isWhole);
    const some = optionsOf(['--only', 'growth,throughput', '--soak']);
    assert.equal(some.parts, ['throughput', 'growth']);
    assert.not(some.isWhole);
  });

  test('are refused in one line if unknown or incomplete', () => {
    for (const args of [['--bogus'], ['word'], ['--compare'], ['--compare', '--json'], ['--quick=yes'], ['-x']]) {
      const message = refusalOf(...args);
      assert.match(message, args[0]?.startsWith('--') ? (args[0].split('=')[0] ?? '') : (args[0] ?? ''));
      assert.match(
        message,
        'the bench takes --quick, --json, --soak, --soak-minutes N, --compare FILE and --only PARTS',
      );
      assert.not.match(message, '\n');
    }
    assert.match(refusalOf('--only', 'throughput,words'), '--only throughput,words: expected some of operators');
    assert.match(refusalOf('--only', ''), '--only : expected some of operators');
  });

  test('are refused if a part would not be measured', () => {
    for (const only of ['growth', 'idle', 'growth,idle', 'throughput,idle']) {
      assert.match(
        refusalOf('--quick', '--only', only),
        `--quick --only ${only}: a quick run has no idle and no growth`,
      );
    }
  });

  test('set the duration of the soak', () => {
    assert.is(optionsOf([]).soakMinutes, 0);
    assert.is(optionsOf(['--soak']).soakMinutes, 10);
    assert.is(optionsOf(['--soak-minutes', '30']).soakMinutes, 30);
    assert.is(optionsOf(['--soak', '--soak-minutes', '30']).soakMinutes, 30);
    for (const minutes of ['', '4', '7.5', '-10', 'ten']) {
      assert.is(
        refusalOf(`--soak-minutes=${minutes}`),
        `--soak-minutes ${minutes}: expected a whole number, at least 5`,
      );
    }
  });

  test('are refused if the soak would have no rate', () => {
    assert.match(refusalOf('--soak-minutes', '30', '--only', 'idle'), 'add throughput to --only');
    assert.match(refusalOf('--soak', '--only', 'latency'), 'add throughput to --only, or leave out --only');
  });
});
