import { execFileSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { exportLines, publishCommand } from './ready-lines.ts';

suite('what the demo prints when it is ready', ({ test }) => {
  test('gives a shell the values as they are', () => {
    const env = { PLAIN: 'mqtt://127.0.0.1:1883', EMPTY: '', ODD: `it's "$HOME" \`id\` \\ *` };
    const print = 'printf "%s\\0%s\\0%s" "$PLAIN" "$EMPTY" "$ODD"';
    const shown = execFileSync('sh', ['-c', [...exportLines(env), print].join('\n')], { encoding: 'utf8' });
    assert.equal(shown.split('\0'), [env.PLAIN, env.EMPTY, env.ODD]);
  });

  test('publishes to the broker of an address', () => {
    const command = (url: string) => publishCommand(url, 'home/+', { payload: '{"value":21.5}' });
    const rest = `-q 1 -t home/+ -m '{"value":21.5}'`;
    assert.is(command('mqtt://127.0.0.1:40001'), `mosquitto_pub -h 127.0.0.1 -p 40001 ${rest}`);
    assert.is(command('mqtt://broker'), `mosquitto_pub -h broker -p 1883 ${rest}`);
    assert.is(
      command('mqtts://me:secret@[::1]'),
      `mosquitto_pub -h ::1 -p 8883 --tls-use-os-certs -u me -P "$MQTT_PASSWORD" ${rest}`,
    );
    assert.is(command('tcp://broker'), `mosquitto_pub -h broker -p 1883 ${rest}`);
    assert.is(command('wss://broker/mqtt'), `npx mqtt pub -C wss -h broker -p 443 ${rest}`);
    assert.is(
      publishCommand('mqtt://broker', 'a b', { file: 'pipelines/home/sample.json' }),
      `mosquitto_pub -h broker -p 1883 -q 1 -t 'a b' -f pipelines/home/sample.json`,
    );
  });
});
