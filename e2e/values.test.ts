import { Firestore } from '@google-cloud/firestore';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import { createBigQueryClient } from '../src/connectors/bigquery/client.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun, type TestRun } from '../src/testing/test-run.ts';
import { readLines } from './read-lines.ts';

const MESSAGES = 10;
const TEST_TIMEOUT_MS = 60_000;
/** Above 2^53: as doubles, all of them are the same number. */
const IDS = Array.from({ length: MESSAGES }, (_, index) => String(1_764_345_600_000_000_000n + BigInt(index)));
const SERIAL = '9007199254740993';

suite('values in the four services', (it) => {
  const { test, before } = it;
  const whole = suiteScope(it);
  let run: TestRun;
  let mqttUrl: string;

  before(async () => {
    const { sandbox, mqttEnv } = await startServers(whole);
    mqttUrl = mqttEnv.MQTT_URL;
    run = await openRun(whole, { projectId: sandbox.projectId, mqttUrl, devices: 1, env: mqttEnv });
    const firestore = new Firestore({ projectId: sandbox.projectId });
    const document = { ClientID: BigInt(SERIAL), LocationID: 'hall', Category: Number.NaN };
    await firestore.collection(run.resources.collection).doc('d1').set(document);
    await firestore.terminate();
    await run.startPlatform();
  });

  test(
    'ten ids stay ten ids, and every number keeps its digits',
    async () => {
      const { resources } = run;
      const client = await connectAsync(mqttUrl);
      for (const id of IDS) {
        const payload = `{"message_id":${id},"sequence":${id},"temperature":21.50}`;
        await client.publishAsync('sites/oslo/devices/d1/readings', payload, { qos: 1 });
      }
      await client.endAsync();
      const bigquery = createBigQueryClient({ projectId: resources.projectId });
      const query = `SELECT message_id, CAST(sequence AS STRING) AS sequence, client, service_tag FROM \`${resources.projectId}.${resources.dataset}.${resources.table}\` ORDER BY message_id`;
      await eventually(async () => {
        const [rows] = await bigquery.query({ query });
        assert.equal(
          rows,
          IDS.map((id) => ({ message_id: id, sequence: id, client: SERIAL, service_tag: 'NaN' })),
        );
      });
      await eventually(async () => {
        const lines = await readLines(resources);
        assert.equal(lines.map(({ id }) => id).toSorted(), IDS);
      });
    },
    TEST_TIMEOUT_MS,
  );
});
