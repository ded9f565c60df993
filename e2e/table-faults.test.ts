import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { BigQuery, TableField } from '@google-cloud/bigquery';
import { type Message, PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createBigQueryClient } from '../src/connectors/bigquery/client.ts';
import type { FaultRule } from '../src/sandbox/faults/fault-rule.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { type BigQueriesDependencies, createBigQueries } from '../src/services/bigqueries/bigqueries.ts';
import { bigqueriesSchema } from '../src/services/bigqueries/config.ts';
import { eventually } from '../src/testing/eventually.ts';
import { receiveMessages } from '../src/testing/receive-messages.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

type Field = TableField;

const CONFIGURED: readonly Field[] = [
  { name: 'what', type: 'STRING' },
  { name: 'fresh', type: 'STRING' },
];
const WITHOUT_FRESH: readonly Field[] = [{ name: 'what', type: 'STRING' }];

suite('faults of the table', (it) => {
  const { test, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let sandbox: Sandbox;
  let pubsub: PubSub;
  let bigquery: BigQuery;
  before(async () => {
    ({ sandbox } = await startServers(whole, { parts: ['pubsub', 'bigquery'] }));
    pubsub = new PubSub({ projectId: sandbox.projectId });
    whole.defer(() => pubsub.close());
    bigquery = createBigQueryClient({ projectId: sandbox.projectId });
  });
  afterEach(() => {
    sandbox.faults.clear();
    sandbox.settings.change({ deny: [], schemaDelayMs: 0 });
  });

  /** A service with a table that has the columns `table`. */
  const open = async (
    table: readonly Field[],
    schema: readonly Field[] = CONFIGURED,
    dependencies: BigQueriesDependencies = {},
  ) => {
    const name = `t${randomBytes(4).toString('hex')}`;
    for (const topic of [name, `${name}-dead`]) {
      await pubsub.createTopic(topic);
      await pubsub.topic(topic).createSubscription(topic);
    }
    await bigquery.createDataset(name);
    const dataset = bigquery.dataset(name);
    const makeTable = (fields: readonly Field[]) => dataset.createTable('rows', { schema: { fields: [...fields] } });
    await makeTable(table);
    const service = createBigQueries(
      v.parse(bigqueriesSchema, {
        service: 'bigqueries',
        google: { projectId: sandbox.projectId },
        http: { host: '127.0.0.1', port: 0 },
        input: 'raw',
        source: { subscriptionId: name },
        deadLetters: { topicId: `${name}-dead`, subscriptionId: `${name}-dead` },
        table: { datasetId: name, tableId: 'rows', schema },
        insert: { maxDelayMs: 50, retry: { initialDelayMs: 20, maxDelayMs: 200 } },
      }),
      { telemetry: { level: 'silent', processMetrics: false }, ...dependencies },
    );
    scope.defer(() => service.shutdown(2_000));
    const deadLetters = (): readonly Message[] => {
      const subscription = scope.use(pubsub.subscription(`${name}-dead`));
      return receiveMessages(subscription);
    };
    return {
      name,
      service,
      dataset,
      makeTable,
      deadLetters: deadLetters(),
      start: async () => {
        await service.start();
        await service.ready;
      },
      publish: async (...payloads: readonly object[]) => {
        for (const payload of payloads)
          await pubsub.topic(name).publishMessage({ data: Buffer.from(JSON.stringify(payload)) });
      },
      /** The values of a column, sorted. */
      stored: async (column: string): Promise<unknown[]> => {
        const [rows] = await dataset.table('rows').getRows();
        return rows.map((row) => row[column]).sort();
      },
      readyz: async () => {
        const reply = await fetch(`${service.url}/readyz`);
        return { status: reply.status, text: await reply.text() };
      },
    };
  };
  type Opened = Awaited<ReturnType<typeof open>>;
  const isRed = (opened: Opened, detail: RegExp) =>
    eventually(async () => {
      const { status, text } = await opened.readyz();
      assert.is(status, 503, text);
      assert.match(text, detail);
    });
  const isGreen = (opened: Opened) =>
    eventually(async () => {
      const { status, text } = await opened.readyz();
      assert.is(status, 200, text);
    });
  const names = (count: number) =>
    Array.from({ length: count }, (_, index) => `good ${String(index).padStart(2, '0')}`);

  test('a table that differs from its configuration blocks the start, red, with every difference, until it is changed', async () => {
    const opened = await open(
      [
        { name: 'WHAT', type: 'STRING', mode: 'REQUIRED' },
        { name: 'count', type: 'FLOAT64' },
        { name: 'tags', type: 'STRING', mode: 'REPEATED' },
        { name: 'needed', type: 'STRING', mode: 'REQUIRED' },
        {
          name: 'position',
          type: 'RECORD',
          fields: [
            { name: 'lat', type: 'STRING' },
            { name: 'height', type: 'FLOAT64', mode: 'REQUIRED' },
          ],
        },
      ],
      [
        { name: 'what', type: 'STRING' },
        { name: 'count', type: 'INT64' },
        { name: 'tags', type: 'STRING' },
        { name: 'fresh', type: 'STRING' },
        {
          name: 'position',
          type: 'STRUCT',
          fields: [
            { name: 'lat', type: 'FLOAT64' },
            { name: 'lon', type: 'FLOAT64' },
          ],
        },
      ],
    );
    const starting = opened.service.start();
    starting.catch(() => {});
    await opened.publish({ what: 'waits' });
    for (const expected of [
      /waiting for table\.schema: the table/,
      new RegExp(`${opened.name}\\.rows`),
      /what: has the mode REQUIRED in the table, but is configured as NULLABLE/,
      /count: has the type FLOAT in the table, but is configured as INT64/,
      /tags: has the mode REPEATED in the table, but is configured as NULLABLE/,
      /fresh: is missing in the table/,
      /needed: is REQUIRED in the table, but missing in table\.schema/,
      /position\.lat: has the type STRING in the table, but is configured as FLOAT64/,
      /position\.lon: is missing in the table/,
      /position\.height: is REQUIRED in the table/,
    ]) {
      await isRed(opened, expected);
    }
    // Otherwise a check in between would find no table, which ends a start.
    const unread = sandbox.faults.add({ server: 'bigquery', method: 'tables.get', error: { code: 503 } });
    await opened.dataset.table('rows').delete();
    await opened.makeTable([
      ...CONFIGURED,
      { name: 'count', type: 'INTEGER' },
      { name: 'tags', type: 'STRING' },
      {
        name: 'position',
        type: 'RECORD',
        fields: [
          { name: 'lat', type: 'FLOAT' },
          { name: 'lon', type: 'FLOAT' },
        ],
      },
    ]);
    unread.remove();
    await starting;
    await isGreen(opened);
    await eventually(async () => assert.equal(await opened.stored('what'), ['waits']));
    assert.equal([opened.service.ledger.acked, opened.service.ledger.deadLettered], [1, 0]);
  });

  test('a table with more columns, other spellings or NULLABLE columns matches the configuration', async () => {
    const opened = await open(
      [
        { name: 'What', type: 'STRING' },
        { name: 'count', type: 'INTEGER' },
        { name: 'more', type: 'DATE' },
        { name: 'position', type: 'RECORD', fields: [{ name: 'lat', type: 'FLOAT' }] },
      ],
      [
        { name: 'What', type: 'STRING', mode: 'REQUIRED' },
        { name: 'count', type: 'INT64' },
        { name: 'position', type: 'STRUCT', fields: [{ name: 'lat', type: 'FLOAT64' }] },
      ],
    );
    await opened.start();
    await opened.publish({ What: 'x', count: 1, position: { lat: 1.5 } });
    await eventually(() => assert.is(opened.service.ledger.acked, 1));
  });

  test('a hook may write a required column that table.schema does not name', async () => {
    const opened = await open([...WITHOUT_FRESH, { name: 'needed', type: 'STRING', mode: 'REQUIRED' }], WITHOUT_FRESH, {
      transformer: ({ payload }) => ({ what: String(payload.byteLength), needed: 'yes' }),
    });
    await opened.start();
    await opened.publish({ what: 'x' });
    await eventually(async () => assert.equal(await opened.stored('needed'), ['yes']));
  });

  test('a 400 for the whole request costs no message: red with the cause, then every row is there', async () => {
    const opened = await open(CONFIGURED);
    await opened.start();
    const rule: FaultRule = {
      server: 'bigquery',
      method: 'tabledata.insertAll',
      error: { code: 400, reason: 'invalid', message: 'The destination table is of type VIEW: cannot add rows.' },
    };
    sandbox.faults.add(rule);
    const good = names(40);
    await opened.publish(...good.map((what) => ({ what })));
    await opened.publish({ what: true });
    await isRed(opened, /rows.*VIEW.*table\.schema/);
    assert.is(opened.service.ledger.deadLettered, 0);
    sandbox.faults.clear();
    await isGreen(opened);
    await eventually(async () => assert.equal(await opened.stored('what'), good));
    await eventually(() => assert.is(opened.deadLetters.length, 1));
    assert.is(opened.service.ledger.nacked, 0);
    assert.is(opened.service.ledger.deadLettered, 1);
  });

  test('a row that is too large for a request is found by halving, and fails alone', async () => {
    const accepted: string[] = [];
    /** A BigQuery that, like the service, refuses each request with the large row. */
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        response.setHeader('content-type', 'application/json');
        if (request.method === 'GET') {
          response.end(JSON.stringify({ schema: { fields: CONFIGURED } }));
          return;
        }
        const { rows } = JSON.parse(Buffer.concat(chunks).toString());
        const values: string[] = rows.map((row: { json: { what: string } }) => row.json.what);
        if (values.includes('large')) {
          const message = 'Request payload size exceeds the limit: 10485760 bytes.';
          response.statusCode = 400;
          response.end(JSON.stringify({ error: { code: 400, message, errors: [{ message, reason: 'badRequest' }] } }));
          return;
        }
        accepted.push(...values);
        response.end('{}');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    scope.defer(() => server.close());
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    // The client reads its address from the environment when it is created.
    const { BIGQUERY_EMULATOR_HOST } = process.env;
    process.env.BIGQUERY_EMULATOR_HOST = `http://127.0.0.1:${address.port}`;
    const client = createBigQueryClient({ projectId: sandbox.projectId });
    Object.assign(process.env, { BIGQUERY_EMULATOR_HOST });
    const opened = await open(CONFIGURED, CONFIGURED, { bigquery: client });
    await opened.start();
    const good = names(15);
    await Promise.all([...good.slice(0, 7), 'large', ...good.slice(7)].map((what) => opened.publish({ what })));
    await eventually(() => assert.equal(accepted.toSorted(), good));
    await eventually(() => assert.is(opened.deadLetters.length, 1));
    assert.is(opened.deadLetters[0]?.attributes.dlq_reason, 'too_large');
    assert.match(opened.deadLetters[0]?.data.toString() ?? '', /large/);
    await isGreen(opened);
  });

  test('rows for a configured column that the table lost wait, red, until inserts accept it again', async () => {
    const opened = await open(CONFIGURED);
    await opened.start();
    await opened.publish({ what: 'before', fresh: 'x' });
    await eventually(() => assert.is(opened.service.ledger.acked, 1));
    await opened.dataset.table('rows').delete();
    await opened.makeTable(WITHOUT_FRESH);

    const good = names(20);
    await opened.publish(...good.map((what) => ({ what, fresh: 'y' })));
    await opened.publish({ what: 'poison', fresh: true }, { what: 'without it' });
    await isRed(opened, /fresh.*missing in the table/);
    assert.is(opened.service.ledger.deadLettered, 0);

    sandbox.settings.change({ schemaDelayMs: 1_500 });
    await opened.dataset.table('rows').setMetadata({ schema: { fields: [...CONFIGURED] } });
    await isRed(opened, /fresh/);
    await isGreen(opened);
    await eventually(async () => assert.equal(await opened.stored('what'), [...good, 'without it']));
    await eventually(() => assert.is(opened.deadLetters.length, 1));
    assert.match(opened.deadLetters[0]?.data.toString() ?? '', /poison/);
    assert.is(opened.service.ledger.nacked, 0);
  });

  test("a hook's member in another case than its field is poison", async () => {
    const record = { name: 'rec', type: 'RECORD', fields: [{ name: 'value', type: 'STRING' }] };
    // Members without a column are left out; a hook decides for itself.
    const opened = await open([...CONFIGURED, record], [...CONFIGURED, record], {
      transformer: ({ payload }) => JSON.parse(Buffer.from(payload).toString()),
    });
    await opened.start();
    await opened.publish({ what: 'a', rec: { Value: 'x' } }, { what: 'b', rec: { value: 'x' } });
    await opened.publish({ what: 'c', rec: { value: 'x', unit: 'C' } });
    await eventually(() => assert.is(opened.service.ledger.deadLettered, 2), { deadlineMs: 5_000 });
    await eventually(async () => assert.equal(await opened.stored('what'), ['b']));
  });

  test("a hook's column that neither table nor configuration has is poison", async () => {
    const opened = await open(CONFIGURED, CONFIGURED, {
      transformer: ({ payload }) => JSON.parse(Buffer.from(payload).toString()),
    });
    await opened.start();
    await opened.publish({ what: 'a', unknown: 1 }, { what: 'b', fresh: 'x' });
    await eventually(() => assert.is(opened.deadLetters.length, 1));
    await eventually(async () => assert.equal(await opened.stored('what'), ['b']));
    assert.match(opened.deadLetters[0]?.attributes.dlq_error ?? '', /no such field: unknown/);
  });

  test("rows with a hook's column that only the table has wait until inserts accept it", async () => {
    const opened = await open(CONFIGURED, CONFIGURED, { transformer: () => ({ what: 'a', late: 'x' }) });
    await opened.start();
    sandbox.settings.change({ schemaDelayMs: 1_500 });
    await opened.dataset
      .table('rows')
      .setMetadata({ schema: { fields: [...CONFIGURED, { name: 'late', type: 'STRING' }] } });
    await opened.publish({});
    await isRed(opened, /late/);
    await isGreen(opened);
    await eventually(async () => assert.equal(await opened.stored('late'), ['x']));
    assert.is(opened.service.ledger.deadLettered, 0);
  });

  test('flexible column names and aliases of types pass from the configuration to the rows', async () => {
    const columns = ['first-name', 'with space', 'größe', '1st'].map((name) => ({ name, type: 'STRING' }));
    const opened = await open(
      [...columns, { name: 'exact', type: 'NUMERIC' }],
      [...columns, { name: 'exact', type: 'DECIMAL' }],
    );
    await opened.start();
    await opened.publish({ 'first-name': 'a', 'with space': 'b', größe: 'c', '1st': 'd', exact: '1.5' });
    await eventually(() => assert.is(opened.service.ledger.acked, 1));
    assert.equal(await opened.stored('first-name'), ['a']);
    assert.equal(await opened.stored('with space'), ['b']);
    assert.equal(await opened.stored('größe'), ['c']);
    assert.equal(await opened.stored('1st'), ['d']);
  });

  test('many rows with the same fault are each poison', async () => {
    const opened = await open(CONFIGURED);
    await opened.start();
    await opened.publish(...names(20).map((what) => ({ what, fresh: true })));
    await eventually(() => assert.is(opened.deadLetters.length, 20));
    await isGreen(opened);
  });
});
