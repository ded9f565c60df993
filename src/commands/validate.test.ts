import * as assert from 'uvu/assert';
import { runCli } from '../testing/cli.ts';
import { pipelineFolder } from '../testing/pipeline-folder.ts';
import { suiteScope } from '../testing/scope.ts';
import { assertNotPrinted, ingestionYaml, newSecret } from '../testing/secrets.ts';
import { suite } from '../testing/suite.ts';

suite('secrets of a refused configuration', ({ test, after }) => {
  const folder = pipelineFolder(suiteScope({ after }));
  const hidden = newSecret('yaml');
  const assertRefused = async (command: string, mqtt: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const { code, output } = await runCli([command, folder.pipeline(ingestionYaml(mqtt))], { env });
    assert.is(code, 2, `${command} ${mqtt.join()}: ${output}`);
    assertNotPrinted(output, hidden);
  };

  test('in a file that cannot be read', async () => {
    const files = [
      [`url: mqtt://x:${hidden}@host`, `   password: ${hidden}`],
      [`password: "${hidden}`],
      [`password: ${hidden}`, `password: ${hidden}`, 'url: mqtt://h'],
      ['url: mqtt://h', `password: { value: ${hidden} }`],
      [`url: http://user:${hidden}@host`, 'username: u'],
      [`url: "${hidden}"`],
      ['url: mqtt://h', `passwort: ${hidden}`],
    ];
    for (const command of ['validate', 'run']) {
      await Promise.all(files.map((mqtt) => assertRefused(command, mqtt)));
    }
  });

  test('in overrides that are refused', async () => {
    await assertRefused('validate', ['url: mqtt://h'], {
      DATAFLOW_MQTT__PASSWORD: hidden,
      DATAFLOW_MQTT__URL: `ftp://user:${hidden}@host`,
      DATAFLOW_MQTT__PASSWORDS: hidden,
    });
  });
});
