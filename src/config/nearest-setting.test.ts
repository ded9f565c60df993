import * as assert from 'uvu/assert';
import { SERVICES } from '../services/services.ts';
import { suite } from '../testing/suite.ts';
import { ConfigError, type ConfigIssue } from './config-error.ts';
import { nearestSetting } from './nearest-setting.ts';
import { applyOverrides } from './overrides.ts';
import { parse } from './parse.ts';

const { ingestion, bigqueries, enrich } = SERVICES;

// cspell:ignore Fligth soruce tpye reddis sourc INFLIGT
suite('the nearest setting', ({ test }) => {
  test('is the one beside it that is written nearly so, or of that name elsewhere', () => {
    for (const [{ settings }, path, expected] of [
      [bigqueries, ['source', 'maxInFligth'], 'source.maxInFlight'],
      [bigqueries, ['source', 'max_in_flight'], 'source.maxInFlight'],
      [bigqueries, ['subscriptionId'], 'source.subscriptionId'],
      [bigqueries, ['soruce'], 'source'],
      [bigqueries, ['table', 'schema', '3', 'tpye'], 'table.schema.3.type'],
      [bigqueries, ['insert', 'maxRow'], 'insert.maxRows'],
      [enrich, ['lookup', 'reddis'], 'lookup.redis'],
      [enrich, ['collection'], 'lookup.firestore.collection'],
      [ingestion, ['routes', 'readings', 'source', 'mqttTopic'], 'routes.readings.source.mqtt_topic'],
      [ingestion, ['shareGroup'], 'mqtt.shareGroup'],
      [ingestion, ['completely', 'different'], undefined],
      [ingestion, ['xyz'], undefined],
    ] as const) {
      assert.is(nearestSetting(settings.schema, path), expected, path.join('.'));
    }
  });

  test('stands in the refusal of a file, and of an override', () => {
    const issues: ConfigIssue[] = [];
    parse(bigqueries.settings.schema, { service: 'bigqueries', sourc: { subscriptionId: 's' } }, issues);
    const error = new ConfigError('pipeline.yaml', issues);
    assert.match(error.message, 'sourc: there is no such setting; did you mean source?');

    const refused: ConfigIssue[] = [];
    applyOverrides({}, bigqueries.settings.schema, { DATAFLOW_SOURCE__MAX_INFLIGT: '1' }, refused);
    assert.equal(refused, [
      {
        path: 'DATAFLOW_SOURCE__MAX_INFLIGT',
        problem: 'this override does not name a setting; did you mean DATAFLOW_SOURCE__MAX_IN_FLIGHT?',
      },
    ]);
  });
});
