import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import type { LiveMessage } from '../http/snapshot.ts';
import type { Child } from './child.ts';
import { runCli } from './cli.ts';
import { eventually } from './eventually.ts';
import { readServerSentEvents } from './server-sent-events.ts';

/** A value that must never be printed. Each place has its own, so that a leak names its source. */
export const newSecret = (place: string): string => `${place}-${randomBytes(8).toString('hex')}`;

/** `http.token` of every service with the most verbose output. */
const HTTP_TOKEN = newSecret('token');

/** Fails if the output contains a secret, plain, URL-encoded or in base64, or if the output is almost empty. */
export function assertNotPrinted(printed: string, ...secrets: readonly string[]): void {
  assert.ok(printed.length > 50, 'something was printed');
  for (const secret of [...secrets, HTTP_TOKEN]) {
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').slice(0, -3)]) {
      assert.not.ok(printed.includes(form), `${form} was printed:\n${printed.slice(0, 4_000)}`);
    }
  }
}

/** The YAML of an ingestion with these lines under `mqtt:`, whatever they are. */
export function ingestionYaml(mqtt: readonly string[], topic = 'secrets'): string {
  return [
    'service: ingestion',
    ...LOUD,
    'mqtt:',
    '  clientId: secrets',
    '  connectTimeoutMs: 2000',
    ...mqtt.map((line) => `  ${line}`),
    'routes: { all: { source: { mqtt_topic: "a/+", qos: 1 }, destination: { route_name: raw } } }',
    `producers: { raw: { outputTopicId: ${topic} } }`,
    `deadLetters: { topicId: ${topic} }`,
    '',
  ].join('\n');
}

/** Settings for the most verbose output of a service. */
export const LOUD = [
  'google: { projectId: sandbox }',
  `http: { host: 127.0.0.1, port: 0, token: ${HTTP_TOKEN} }`,
  'log: { level: trace }',
  'readiness: { stalledAfterMs: 1000 }',
] as const;

/** Returns everything that a service shows a client on its machine: health, metrics, live page, ledger. */
export async function overHttp(url: string): Promise<string> {
  const answers = await Promise.all(
    ['/healthz', '/readyz', '/metrics', '/', '/ledger', '/tap'].map(async (path) => (await fetch(url + path)).text()),
  );
  const live = readServerSentEvents<LiveMessage>(`${url}/live`);
  try {
    await eventually(() => assert.ok(live.events.length > 0));
    return [...answers, JSON.stringify(live.events)].join('\n');
  } finally {
    live.close();
  }
}

/** The address of a service, once printed. */
export const urlOf = (child: Child): Promise<string> =>
  eventually(() => {
    const url = /"url":"(http:[^"]+)"/.exec(child.output)?.[1];
    if (url === undefined) throw new Error(`no address yet:\n${child.output}`);
    return url;
  });

/** Fails if `validate` prints a secret of a pipeline, or refuses it. */
export async function assertValidateHides(pipeline: string, ...secrets: readonly string[]): Promise<void> {
  const { code, output } = await runCli(['validate', pipeline]);
  assert.is(code, 0, output);
  assertNotPrinted(output, ...secrets);
}
