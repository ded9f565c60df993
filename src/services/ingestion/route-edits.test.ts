import { Subject } from 'rxjs';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { FatalError, RetryableError } from '../../core/errors.ts';
import { eventually } from '../../testing/eventually.ts';
import { suite } from '../../testing/suite.ts';
import { type IngestionConfig, ingestionSchema } from './config.ts';
import { checkConnections, checkedEdits, settingsForRestart } from './route-edits.ts';

const configOf = (changes: object = {}): IngestionConfig =>
  v.parse(ingestionSchema, {
    service: 'ingestion',
    google: { projectId: 'p' },
    mqtt: { url: 'mqtt://broker:1883', clientId: 'c' },
    routes: { up: { source: { mqtt_topic: 'a/+', qos: 1 }, destination: { route_name: 'raw' } } },
    producers: { raw: { outputTopicId: 'raw' } },
    deadLetters: { topicId: 'dead' },
    ...changes,
  });

suite('edits of a running ingestion', ({ test }) => {
  test('an outage delays only its own edit: a newer one replaces it immediately', async () => {
    const good = configOf();
    const bad = configOf({ producers: { raw: { outputTopicId: 'missing' } } });
    const waiting = configOf({ producers: { raw: { outputTopicId: 'unreachable' } } });
    const edits = new Subject<IngestionConfig | Error>();
    const emitted: (IngestionConfig | Error)[] = [];
    let retries = 0;
    const check = async (edit: IngestionConfig): Promise<void> => {
      if (edit === waiting) throw new RetryableError('unreachable');
      if (edit === bad) throw new FatalError('NOT_FOUND');
    };
    edits.pipe(checkedEdits(check, () => (retries += 1))).subscribe((edit) => emitted.push(edit));
    edits.next(waiting);
    await eventually(() => assert.ok(retries > 0));
    edits.next(bad);
    await eventually(() => assert.is(emitted.length, 1));
    assert.instance(emitted[0], FatalError);
    edits.next(good);
    await eventually(() => assert.is(emitted.at(-1), good));
    assert.is(emitted.length, 2);
  });

  test('names settings that need a restart by path, without routes, producers and resources', () => {
    const running = configOf();
    const edit = configOf({
      mqtt: { url: 'mqtt://other:1883', clientId: 'c' },
      id: 'payload.id',
      producers: { raw: { outputTopicId: 'other' } },
      resources: {},
    });
    assert.equal(settingsForRestart(running, edit), ['mqtt.url', 'id']);
    assert.equal(settingsForRestart(running, configOf()), []);
  });

  test('with one connection per producer, an edit must keep the producers, and each filter its producer', () => {
    const running = configOf();
    const route = (mqtt_topic: string, route_name: string) => ({
      source: { mqtt_topic, qos: 1 },
      destination: { route_name },
    });
    const other = { raw: { outputTopicId: 'raw' }, other: { outputTopicId: 'other' } };
    const two = configOf({ routes: { up: route('a/+', 'raw'), down: route('b/+', 'other') }, producers: other });
    const moved = configOf({ routes: { up: route('a/+', 'other'), down: route('b/+', 'raw') }, producers: other });
    const more = configOf({ routes: { up: route('a/+', 'raw'), more: route('c/+', 'raw') } });
    assert.throws(() => checkConnections(running, two), /^producers: raw became other, raw: .* needs a restart$/);
    assert.throws(() => checkConnections(two, moved), /^routes\.up: "a\/\+" moves from raw to other: .* a restart$/);
    assert.not.throws(() => checkConnections(running, more));
  });
});
