import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { debounceTime, firstValueFrom, of, Subscription } from 'rxjs';
import * as assert from 'uvu/assert';
import { suiteScope } from '../testing/scope.ts';
import { suite } from '../testing/suite.ts';
import { takeWallClock } from '../testing/wall-clock.ts';
import { monotonicScheduler } from './clock.ts';

const SRC = join(import.meta.dirname, '..');
const HOUR_MS = 3_600_000;

/** Matches code that reads the wall clock, also through RxJS: `debounceTime` and `delay` without a scheduler do. */
const READS_WALL_CLOCK =
  /\basyncScheduler\b|\bDate\.now\b|new Date\(\)|\b(?:debounceTime|delay)\([^,()]*\)|\b(?:timestamp|timeInterval)\(\)/g;

/** Files that may read it, and why: for times that are shown or stored, and times that another program compares. */
const ALLOWED: Readonly<Record<string, string>> = {
  'util/clock.ts': 'asyncScheduler for its timers alone',
  'connectors/mqtt/source.ts': 'time of receipt, in the message id and as publishTime',
  'connectors/pubsub/wire/pull-response.ts': 'publishTime of a message that has none',
  'connectors/storage/sink.ts': 'archivedAt',
  'dead-letters/sink.ts': 'dlq_time',
  'services/publish-ages.ts': 'compared with publish times, and the time of the last success',
  'tools/dead-letters/replay-dead-letters.ts': 'compared with the publish times of dead letters',
  'connectors/google/grpc-client.ts': 'a deadline of gRPC is an instant; the timer is set at once',
  'commands/load/load.ts': 'time of a reading',
  'connectors/google/errors.ts': 'compared with the date that a server names',
  'http/tap.ts': 'time of a tapped value',
  'services/live.ts': 'start time on the live page',
  'services/service-context.ts': 'time of a dead letter on the live page',
  'services/snapshot.ts': 'time of the snapshot on the live page',
  'telemetry/telemetry.ts': 'time of an event on the live page',
  'tools/doctor/check-mqtt.ts': 'days until a certificate expires',
  'tools/doctor/diagnose.ts': 'its own delay(), a timer',
  'tools/explain/consumed.ts': 'publishTime of the explained message',
  'tools/explain/explain-icestore.ts': 'archivedAt of the explained message',
  'tools/explain/explain-ingestion.ts': 'time of receipt of the explained message',
  'tools/explain/explanation.ts': 'dlq_time of the explained message',
  'tools/look/archive-lines.ts': 'newest objects up to now',
};

suite('the monotonic scheduler', (it) => {
  const { test } = it;
  const scope = suiteScope(it);

  test('keeps its time while the wall clock is set', () => {
    const clock = takeWallClock(scope);
    const before = monotonicScheduler.now();
    clock.step(-HOUR_MS);
    const back = monotonicScheduler.now();
    clock.step(2 * HOUR_MS);
    const ahead = monotonicScheduler.now();
    assert.ok(before <= back && back <= ahead && ahead < before + HOUR_MS, `${before}, ${back}, ${ahead}`);
  });

  test('operators that compare times are not affected', async () => {
    const clock = takeWallClock(scope);
    const quiet = firstValueFrom(of('edit').pipe(debounceTime(1, monotonicScheduler)));
    clock.step(-HOUR_MS);
    assert.is(await quiet, 'edit');
  });

  test('schedules work with its state, repeatedly, and not after unsubscribing', async () => {
    const seen: string[] = [];
    const cancelled = monotonicScheduler.schedule(() => seen.push('cancelled'), 0);
    cancelled.unsubscribe();
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = new Subscription();
    running.add(
      monotonicScheduler.schedule<number>(
        function tick(count) {
          seen.push(`${count}`);
          if (count === 3) resolve();
          else this.schedule(count + 1, 1);
        },
        1,
        1,
      ),
    );
    await promise;
    running.unsubscribe();
    assert.equal(seen, ['1', '2', '3']);
  });

  test('no other file reads the wall clock', () => {
    const reading = globSync('**/*.ts', { cwd: SRC })
      .filter((file) => !/^(testing|sandbox)\/|\.(test|contract)\.ts$/.test(file))
      .filter((file) => {
        // Comments may name what the code must not use.
        const code = readFileSync(join(SRC, file), 'utf8').replace(/^\s*(\/\*\*|\*|\/\/).*$/gm, '');
        return code.match(READS_WALL_CLOCK) !== null;
      });
    assert.equal(reading.toSorted(), Object.keys(ALLOWED).toSorted());
  });
});
