import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';

/** A value that may be printed nowhere; each place has its own, so that a leak names the place that it comes from. */
export const newSecret = (place: string): string => `${place}-${randomBytes(8).toString('hex')}`;

/** Fails if a secret is in what was printed, as it is, URL-encoded or in base64; or if next to nothing was printed. */
export function assertNotPrinted(printed: string, ...secrets: readonly string[]): void {
  assert.ok(printed.length > 50, 'something was printed');
  for (const secret of secrets) {
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

/** Settings by which a service prints all that it can. */
export const LOUD = [
  'google: { projectId: sandbox }',
  'http: { host: 127.0.0.1, port: 0 }',
  'log: { level: trace }',
  'readiness: { stalledAfterMs: 1000 }',
] as const;
