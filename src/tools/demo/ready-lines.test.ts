import { execFileSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { exportLines, printReady, publishCommand, type Ready } from './ready-lines.ts';

suite('what the demo prints when it is ready', ({ test }) => {
  test('gives a shell the values as they are', () => {
    const env = { PLAIN: 'mqtt://127.0.0.1:1883', EMPTY: '', ODD: `it's "$HOME" \`id\` \\ *` };
    const print = 'printf "%s\\0%s\\0%s" "$PLAIN" "$EMPTY" "$ODD"';
    const shown = execFileSync('sh', ['-c', [...exportLines(env), print].join('\n')], { encoding: 'utf8' });
    assert.equal(shown.split('\0'), [env.PLAIN, env.EMPTY, env.ODD]);
  });

  const READY = {
    page: 'http://127.0.0.1:40000',
    services: [
      { name: 'ingestion', url: 'http://127.0.0.1:40001' },
      { name: 'enrich', url: 'http://127.0.0.1:4002' },
    ],
    folders: ['pipelines/demo/ingestion', 'pipelines/enrich'],
    env: { MQTT_URL: 'mqtt://127.0.0.1:1883' },
    commands: ['mosquitto_pub -t home', 'npm run cli -- look rows'],
  } as const;
  const printed = (ready: Ready, isFile: boolean): readonly string[] => {
    const lines: string[] = [];
    printReady(ready, {
      say: (text) => lines.push(...stripVTControlCharacters(text).split('\n')),
      print: (text) => lines.push(`stdout: ${text}`),
      isFile,
    });
    return lines.filter((line) => line !== '');
  };

  test('ends with the lines to paste, the commands, and the address of the live page', () => {
    assert.equal(printed(READY, false), [
      'Everything is running. Each address has /readyz and /metrics:',
      '  ingestion  http://127.0.0.1:40001  pipelines/demo/ingestion',
      '  enrich     http://127.0.0.1:4002   pipelines/enrich',
      'In another terminal, in this folder, paste these lines:',
      'stdout: export MQTT_URL=mqtt://127.0.0.1:1883',
      'Then send a message, and see it arrive:',
      'mosquitto_pub -t home',
      'npm run cli -- look rows',
      'Live page of all services:',
      'http://127.0.0.1:40000',
      'Ctrl-C stops everything',
    ]);
  });

  test('names the file that holds the lines, and shows no heading without lines below it', () => {
    const lines = printed({ ...READY, commands: [] }, true);
    assert.ok(
      lines.includes('In another terminal, in this folder, source the file of this standard output (. ./FILE)'),
    );
    assert.not.ok(
      lines.some((line) => /paste|send a message/.test(line)),
      lines.join('\n'),
    );
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
