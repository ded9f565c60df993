import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { hasGoogleEmulators, startGoogleEmulator } from '../../testing/google-emulator.ts';
import { outcomes, PIPELINES, runProvision } from '../../testing/provision-cli.ts';
import { testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { namedResources } from '../../tools/demo/run-resources.ts';

suite('provision and teardown on Google’s emulator', ({ long, skip, afterEach }) => {
  if (!hasGoogleEmulators()) return skip('create once, and delete', 'gcloud or java is not installed');
  const scope = testScope({ afterEach });

  long('create once, and delete', async () => {
    const emulator = scope.use(await startGoogleEmulator('pubsub'));
    const { env: names } = namedResources(randomBytes(4).toString('hex'), 'provision');
    const env = { ...names, PUBSUB_EMULATOR_HOST: emulator.host };
    const pipelines = PIPELINES.slice(0, 2);
    const created = await runProvision(env, 'provision', ...pipelines, '--json');
    assert.equal([created.code, outcomes(created)], [0, ['created']], created.output);
    const again = await runProvision(env, 'provision', ...pipelines, '--json');
    assert.equal([again.code, outcomes(again)], [0, ['exists']], again.output);
    const deleted = await runProvision(env, 'teardown', ...pipelines, '--json');
    assert.equal([deleted.code, outcomes(deleted)], [0, ['deleted']], deleted.output);
  });
});
