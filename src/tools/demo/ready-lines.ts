import { fstatSync } from 'node:fs';
import { styleText } from 'node:util';
import type { Service } from '../../services/service.ts';

type Env = Readonly<Record<string, string>>;

/** What a terminal shows once everything runs. */
export interface Ready {
  /** The address of the live page of all services. */
  readonly page: string;
  readonly services: readonly Pick<Service<unknown>, 'name' | 'url'>[];
  /** The folders of their pipelines, in the same order. */
  readonly folders: readonly string[];
  /** The environment of the services, for commands in other terminals. */
  readonly env: Env;
  /** Commands that publish a message, and show it in the sinks. */
  readonly commands: readonly string[];
}

/** The outputs of a command. */
export interface Outputs {
  /** Prints on standard error. */
  readonly say: (text: string) => void;
  /** Prints on standard output. */
  readonly print: (text: string) => void;
  /** True if standard output is a file. */
  readonly isFile: boolean;
}

const outputs = (): Outputs => ({ say: console.error, print: console.log, isFile: fstatSync(1).isFile() });

/**
 * Prints the environment on standard output, which holds nothing else, and on standard error how to use it. What a
 * reader needs first comes last, because a terminal shows the end: the lines to paste, the commands, the live page.
 */
export function printReady(
  { page, services, folders, env, commands }: Ready,
  { say, print, isFile }: Outputs = outputs(),
): void {
  say('Everything is running. Each address has /readyz and /metrics:\n');
  for (const line of addressLines(services, folders)) say(line);
  const how = isFile ? 'source the file of this standard output (. ./FILE)' : 'paste these lines:';
  say(`\nIn another terminal, in this folder, ${how}\n`);
  for (const line of exportLines(env)) print(line);
  if (commands.length > 0) say(`${isFile ? '' : '\n'}Then send a message, and see it arrive:\n`);
  for (const command of commands) say(command);
  say('\nLive page of all services:\n');
  say(styleText('bold', page, { stream: process.stderr }));
  say('\nCtrl-C stops everything\n');
}

/** The addresses and pipelines of running services, a line for each. */
function addressLines(services: Ready['services'], folders: readonly string[]): string[] {
  const widthOf = (key: 'name' | 'url') => Math.max(...services.map((service) => service[key].length));
  const [names, urls] = [widthOf('name'), widthOf('url')];
  return services.map(
    ({ name, url }, index) => `  ${name.padEnd(names)}  ${url.padEnd(urls)}  ${folders[index] ?? ''}`,
  );
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
