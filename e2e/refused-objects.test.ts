import { createHash, randomBytes } from 'node:crypto';
import { PubSub } from '@google-cloud/pubsub';
import type { Bucket } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import type { FaultRule } from '../src/sandbox/faults/fault-rule.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { readLines } from './read-lines.ts';

const QUIET = { telemetry: { level: 'silent' } };
const MESSAGES = 3;
/** Larger than a dead letter's limit. */
const LARGE = 9_500_000;

/** Cases in which Cloud Storage answers 412 although no object has that name. */
const POLICY: FaultRule = {
  ...{ server: 'storage', method: 'storage.objects.insert' },
  error: {
    code: 412,
    message: 'Constraint constraints/gcp.restrictNonCmekServices violated',
    reason: 'conditionNotMet',
  },
};
const encryption = (restrictionMode: 'FullyRestricted' | 'NotRestricted') => ({
  encryption: { googleManagedEncryptionEnforcementConfig: { restrictionMode } },
});

interface Refusal {
  readonly says: RegExp;
  readonly impose: (bucket: Bucket) => Promise<unknown> | unknown;
  readonly lift: (bucket: Bucket) => Promise<unknown> | unknown;
}

suite('objects that Cloud Storage refuses with 412', (it) => {
  const { test, before, afterEach } = it;
  const whole = suiteScope(it);
  const scope = testScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { parts: ['pubsub', 'storage'] });
  });
  afterEach(() => {
    servers.sandbox.faults.clear();
    servers.sandbox.settings.change({ deny: [] });
  });

  const REFUSALS: Readonly<Record<string, Refusal>> = {
    'by the enforcement of an encryption': {
      says: /not compliant with the bucket's encryption enforcement configuration/,
      impose: (bucket) => bucket.setMetadata(encryption('FullyRestricted')),
      lift: (bucket) => bucket.setMetadata(encryption('NotRestricted')),
    },
    'by a policy': {
      says: /constraints\/gcp\.restrictNonCmekServices/,
      impose: () => servers.sandbox.faults.add(POLICY),
      lift: () => servers.sandbox.faults.clear(),
    },
    'by a policy, from a service account that may not read objects': {
      says: /constraints\/gcp\.restrictNonCmekServices/,
      impose: () => {
        servers.sandbox.settings.change({ deny: ['storage.objects.get', 'storage.objects.list'] });
        servers.sandbox.faults.add(POLICY);
      },
      lift: () => {
        servers.sandbox.faults.clear();
        servers.sandbox.settings.change({ deny: [] });
      },
    },
  };

  const openIcestore = async () => {
    const { projectId } = servers.sandbox;
    const run = randomBytes(4).toString('hex');
    const names = {
      topic: `raw-${run}`,
      dead: `dead-${run}`,
      archive: `archive-${run}`,
      deadLetters: `letters-${run}`,
    };
    const pubsub = new PubSub({ projectId });
    scope.defer(() => pubsub.close());
    const [topic] = await pubsub.createTopic(names.topic);
    await topic.createSubscription(names.topic);
    const [dead] = await pubsub.createTopic(names.dead);
    await dead.createSubscription(names.dead);
    const storage = createStorageClient({ projectId });
    for (const name of [names.archive, names.deadLetters]) await storage.createBucket(name);
    const config = v.parse(icestoreSchema, {
      ...{ service: 'icestore', google: { projectId }, http: { host: '127.0.0.1', port: 0 } },
      ...{ source: { subscriptionId: names.topic }, bucket: { name: names.archive } },
      archive: { maxLines: 1, maxAgeMs: 20, retry: { initialDelayMs: 20, maxDelayMs: 100 } },
      deadLetters: { topicId: names.dead, bucket: names.deadLetters },
    });
    const service = createIcestore(config, QUIET);
    scope.defer(() => service.shutdown());
    await service.start();
    await service.ready;
    return {
      service,
      topic,
      archive: storage.bucket(names.archive),
      deadLetters: storage.bucket(names.deadLetters),
      lines: () => readLines({ projectId, bucket: names.archive }),
      readyz: async () => {
        const response = await fetch(`${service.url}/readyz`);
        return { status: response.status, text: await response.text() };
      },
    };
  };

  const redFor = async ({ readyz }: Awaited<ReturnType<typeof openIcestore>>, { says }: Refusal) =>
    eventually(async () => {
      const { status, text } = await readyz();
      assert.is(status, 503, text);
      assert.match(text.replaceAll('\\', ''), says);
    });

  for (const [how, refusal] of Object.entries(REFUSALS)) {
    test(`${how}: red, nothing is acknowledged, and everything is stored afterwards`, async () => {
      const icestore = await openIcestore();
      const { service, topic, archive, lines, readyz } = icestore;
      await refusal.impose(archive);
      for (let id = 1; id <= MESSAGES; id += 1) {
        const envelope = { id: String(id), payload: 'e30=', publishTime: '2026-03-04T05:06:07Z' };
        await topic.publishMessage({ data: Buffer.from(JSON.stringify(envelope)), attributes: { mqtt_topic: 't' } });
      }
      await redFor(icestore, refusal);
      assert.is(service.ledger.acked, 0);
      await refusal.lift(archive);
      await eventually(() => assert.is(service.ledger.acked, MESSAGES));
      await eventually(async () => assert.is((await readyz()).status, 200));
      assert.equal((await lines()).map(({ id }) => id).sort(), ['1', '2', '3']);
    });
  }

  test('as the original of a dead letter: red, and the dead letter waits until the object is stored', async () => {
    const refusal = REFUSALS['by the enforcement of an encryption'];
    assert.ok(refusal);
    const icestore = await openIcestore();
    const { service, topic, deadLetters, readyz } = icestore;
    await refusal.impose(deadLetters);
    await topic.publishMessage({ data: Buffer.alloc(LARGE, 'x') });
    await redFor(icestore, refusal);
    assert.is(service.ledger.deadLettered, 0);
    await refusal.lift(deadLetters);
    await eventually(() => assert.is(service.ledger.deadLettered, 1));
    await eventually(async () => assert.is((await readyz()).status, 200));
    const [[file]] = await deadLetters.getFiles();
    const [content] = file === undefined ? [Buffer.of()] : await file.download();
    const digest = createHash('sha256').update(content).digest('hex');
    assert.match(file?.name ?? '', `/${digest}.json`);
    assert.equal((await file?.getMetadata())?.[0].metadata, { contentHash: digest });
  });
});
