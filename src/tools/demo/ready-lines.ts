import type { Service } from '../../services/service.ts';

type Env = Readonly<Record<string, string>>;

/** What a terminal shows once everything runs. */
export interface Ready {
  readonly services: readonly Pick<Service<unknown>, 'name' | 'url'>[];
  /** The environment of the services, for commands in other terminals. */
  readonly env: Env;
  /** Commands that publish a message, and show it in both sinks. */
  readonly commands: readonly string[];
}

/** Prints the environment on standard output, and on standard error what to do with it. */
export function printReady({ services, env, commands }: Ready, say: (text: string) => void): void {
  say('everything is running\n');
  for (const line of addressLines(services)) say(line);
  say('\nIn another terminal, in this folder, paste these lines:\n');
  for (const line of exportLines(env)) console.log(line);
  say('\nThen send a message, and see it in BigQuery and in Cloud Storage:\n');
  for (const command of commands) say(command);
  say('\nCtrl-C stops everything\n');
}

/** The addresses of running services, a line for each. */
function addressLines(services: Ready['services']): string[] {
  return services.map(({ name, url }) => `  ${name.padEnd(12)} ${url}/readyz  ${url}/metrics`);
}

/** Lines that a shell takes as they are. */
export function exportLines(env: Env): string[] {
  return Object.entries(env).map(([name, value]) => `export ${name}=${shellWord(value)}`);
}

const PLAIN_WORD = /^[\w@%+=:,./-]+$/;

function shellWord(text: string): string {
  return PLAIN_WORD.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

const PORTS: Readonly<Record<string, string>> = { 'mqtt:': '1883', 'mqtts:': '8883', 'ws:': '80', 'wss:': '443' };
/** Protocols by their other names. */
const ALIASES: Readonly<Record<string, string>> = { 'tcp:': 'mqtt:', 'ssl:': 'mqtts:', 'tls:': 'mqtts:' };

/**
 * The command that publishes one message at QoS 1: `mosquitto_pub`, or MQTT.js' own where a broker listens for web sockets.
 * A password is named as the variable that holds it.
 *
 * @param message a payload, or the file that holds it.
 */
export function publishCommand(
  brokerUrl: string,
  topic: string,
  message: { readonly payload: string } | { readonly file: string },
): string {
  const { protocol: named, hostname, port, username, password } = new URL(brokerUrl);
  const protocol = ALIASES[named] ?? named;
  const isWeb = protocol === 'ws:' || protocol === 'wss:';
  const payload = 'file' in message ? `"$(cat ${shellWord(message.file)})"` : shellWord(message.payload);
  return [
    ...(isWeb ? ['npx', 'mqtt', 'pub', '-C', protocol.slice(0, -1)] : ['mosquitto_pub']),
    ...['-h', shellWord(hostname.replace(/^\[(.*)\]$/, '$1')), '-p', port || (PORTS[protocol] ?? '')],
    ...(protocol === 'mqtts:' ? ['--tls-use-os-certs'] : []),
    ...(username === '' ? [] : ['-u', shellWord(decodeURIComponent(username))]),
    ...(password === '' ? [] : ['-P', '"$MQTT_PASSWORD"']),
    ...['-q', '1', '-t', shellWord(topic)],
    ...('file' in message && !isWeb ? ['-f', shellWord(message.file)] : ['-m', payload]),
  ].join(' ');
}
