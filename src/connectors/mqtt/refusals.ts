/** Errors of a TLS client on a port without TLS, from OpenSSL and Node. */
const NO_TLS = /wrong version number|packet length too long|before secure TLS connection|ECONNRESET|socket hang up/;

/** The connection that was refused. */
export interface RefusedConnection {
  readonly url: string;
  readonly protocolVersion: 4 | 5;
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
}

/** CONNACK codes that a retry cannot fix, in MQTT 3.1.1 and 5, and the setting that can. */
const VERSION = 'mqtt.protocolVersion';
const CLIENT_ID = 'mqtt.clientId';
const CREDENTIALS = 'mqtt.username, mqtt.password';
const REFUSALS: ReadonlyMap<unknown, string> = new Map([
  [1, VERSION],
  [132, VERSION],
  [2, CLIENT_ID],
  [133, CLIENT_ID],
  [4, CREDENTIALS],
  [134, CREDENTIALS],
  [5, CREDENTIALS],
  [135, CREDENTIALS],
  [138, CLIENT_ID],
]);

/** Returns why a broker refuses this client permanently, and which setting fixes it; undefined for other errors. */
export function refusalOf(error: Error, config: RefusedConnection): string | undefined {
  const setting = REFUSALS.get('code' in error ? error.code : undefined);
  if (setting === undefined) return undefined;
  const named =
    setting === CREDENTIALS && config.passwordFile !== undefined ? 'mqtt.username, mqtt.passwordFile' : setting;
  const refused = `${named}: ${redacted(config.url)} refused: ${error.message}`;
  if (setting !== VERSION) return refused;
  const [set, other] =
    config.protocolVersion === 5 ? ['5 (MQTT 5)', '4 (MQTT 3.1.1)'] : ['4 (MQTT 3.1.1)', '5 (MQTT 5)'];
  return `${refused}; mqtt.protocolVersion is ${set}, the broker may want ${other}`;
}

/** Returns a hint if TLS failed in the way it does on a port without TLS; undefined for other errors. */
export function plainPortOf(error: Error, { url }: RefusedConnection): string | undefined {
  const { protocol } = new URL(url);
  if (!['mqtts:', 'ssl:', 'tls:', 'wss:'].includes(protocol) || !NO_TLS.test(error.message)) return undefined;
  const plain = protocol === 'wss:' ? 'ws://' : 'mqtt://';
  return `the TLS handshake failed as it does at a port without TLS: mqtt.url begins with ${protocol}//, a plain port takes ${plain}`;
}

/** Returns the address without user information. */
export function redacted(url: string): string {
  const parsed = new URL(url);
  return `${parsed.protocol}//${parsed.host}`;
}
