import { hostname } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startChild } from '../testing/child.ts';
import { suite } from '../testing/suite.ts';
import { packageVersion } from '../util/version.ts';
import { chosenFormat } from './log-format.ts';
import { openLogger, prettyLine } from './logger.ts';

const TELEMETRY = join(import.meta.dirname, 'telemetry.ts');
const STANDARD_ERROR = join(import.meta.dirname, 'standard-error.ts');

/** Runs a process that logs two events in this environment. */
async function logged(env: NodeJS.ProcessEnv, format = 'auto') {
  const source = `
    import { Telemetry } from '${TELEMETRY}';
    import { flushLogs } from '${STANDARD_ERROR}';
    const telemetry = new Telemetry('enrich', { level: 'info', pipeline: 'site-a', format: '${format}', processMetrics: false });
    telemetry.event('service.ready');
    telemetry.event('publish.retried', { topic: 'raw', password: 'hidden' });
    await flushLogs(10_000);`;
  const child = await startChild(process.execPath, ['--input-type=module', '-e', source], {
    env: { PATH: process.env.PATH, ...env },
  });
  assert.is(await child.exited, 0, child.output);
  return { stdout: child.stdout, stderr: child.output.replace(child.stdout, '') };
}

const linesOf = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

suite('the format of log lines', ({ test }) => {
  test('is chosen by the environment, unless it is set', () => {
    const pod = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    const auto = (env: NodeJS.ProcessEnv, isTerminal = false) => chosenFormat('auto', { env, isTerminal });
    assert.is(auto({}), 'json');
    assert.is(auto({}, true), 'pretty');
    assert.is(auto({ K_SERVICE: 'enrich' }), 'google');
    assert.is(auto({ CLOUD_RUN_JOB: 'replay' }), 'google');
    assert.is(auto({ ...pod, GOOGLE_CLOUD_PROJECT: 'p' }), 'google');
    assert.is(auto(pod), 'json', 'another cloud');
    assert.is(auto({ GOOGLE_CLOUD_PROJECT: 'p' }, true), 'pretty', 'a machine of a developer');
    for (const set of ['json', 'pretty', 'google'] as const)
      assert.is(chosenFormat(set, { env: { K_SERVICE: 'enrich' }, isTerminal: true }), set);
  });

  test('on Google Cloud is the one that Cloud Logging reads, on standard output', async () => {
    const { stdout, stderr } = await logged({ K_SERVICE: 'enrich' });
    assert.is(stderr, '');
    const [ready, retried] = linesOf(stdout);
    assert.equal([ready?.severity, retried?.severity], ['INFO', 'WARNING']);
    assert.is(ready?.message, 'ready');
    assert.match(String(ready?.time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal([retried?.event, retried?.topic, retried?.password], ['publish.retried', 'raw', '[Redacted]']);
    for (const line of [ready, retried]) {
      assert.equal([line?.service, line?.pipeline], ['enrich', 'site-a']);
      assert.equal([line?.version, line?.instance], [packageVersion(), hostname()]);
      assert.equal([line?.level, line?.msg], [undefined, undefined]);
    }
  });

  test('elsewhere is JSON on standard error, with the pipeline, the version and the instance', async () => {
    const { stdout, stderr } = await logged({});
    assert.is(stdout, '');
    const [ready] = linesOf(stderr);
    assert.equal([ready?.level, ready?.msg, ready?.event], [30, 'ready', 'service.ready']);
    assert.equal([ready?.pipeline, ready?.version, ready?.instance], ['site-a', packageVersion(), hostname()]);
    assert.type(ready?.time, 'number');
  });

  test('for people is one line, without control characters', async () => {
    const { stderr } = await logged({}, 'pretty');
    const time = String.raw`\d\d:\d\d:\d\d\.\d{3}`;
    const [ready = '', retried = ''] = stderr.split('\n');
    assert.match(ready, new RegExp(`^${time} INFO {2}site-a {2}ready {2}\\(service\\.ready\\)$`));
    assert.match(
      retried,
      new RegExp(
        `^${time} WARN {2}site-a {2}publishing failed, retrying {2}topic: raw {2}password: \\[Redacted\\] {2}\\(`,
      ),
    );
    const hostile = JSON.stringify({
      level: 50,
      time: 0,
      pipeline: 'a',
      event: 'x',
      error: 'b\n\u001b[2Jc',
      msg: 'no',
    });
    assert.is(prettyLine(hostile, false), '00:00:00.000 ERROR a  no  error: b [2Jc  (x)\n');
  });

  test('for a given destination is JSON, unless another one is set', () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => lines.push(line) };
    const names = { service: 'enrich', pipeline: 'site-a' };
    openLogger(names, { level: 'info', destination }).log.info('one');
    openLogger(names, { level: 'info', destination, format: 'google' }).log.error('two');
    const [one, two] = linesOf(lines.join(''));
    assert.is(one?.msg, 'one');
    assert.equal([two?.message, two?.severity], ['two', 'ERROR']);
  });
});
