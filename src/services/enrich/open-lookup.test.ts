import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { RetryableError } from '../../core/errors.ts';
import { Readiness } from '../../core/readiness.ts';
import { Telemetry } from '../../telemetry/telemetry.ts';
import { testScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { enrichSchema } from './config.ts';
import { openLookup } from './open-lookup.ts';

suite('the lookup of an enrich service', (it) => {
  const { test } = it;
  const scope = testScope(it);

  const opened = async () => {
    const { sandbox } = await startServers(scope, { parts: ['firestore'] });
    const config = v.parse(enrichSchema, {
      service: 'enrich',
      google: { projectId: sandbox.projectId },
      source: { subscriptionId: 's' },
      lookup: { firestore: { collection: 'devices' } },
      output: { topicId: 't' },
    });
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    scope.defer(() => process.off('unhandledRejection', listener));
    const telemetry = new Telemetry('lookup', { level: 'silent', processMetrics: false });
    const lookup = openLookup(config, {}, { onAnswer: () => {}, telemetry, readiness: new Readiness() });
    return { lookup, unhandled };
  };

  test('closes while it is checked, and leaves no rejection unhandled', async () => {
    const { lookup, unhandled } = await opened();
    const checked = lookup.check();
    await lookup.close();
    await checked;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(unhandled, []);
  });

  test('refuses a check after its end, as a start does that is interrupted', async () => {
    const { lookup, unhandled } = await opened();
    await lookup.close();
    const error = await lookup.check().catch((thrown: unknown) => thrown);
    assert.instance(error, RetryableError);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(unhandled, []);
  });
});
