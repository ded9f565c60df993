import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { writeToStream } from 'mqtt-packet';
import { FatalError, toError } from '../../core/errors.ts';

// Otherwise MQTT.js creates a Buffer for each of the 65,536 packet ids with the first packet: 8 MB.
writeToStream.cacheNumbers = false;

/** The settings of a client, described in the MQTT source's schema. */
export interface MqttConnectionConfig {
  readonly url: string;
  readonly clientId: string;
  readonly protocolVersion: 4 | 5;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly tls?:
    | {
        readonly caFile?: string | undefined;
        readonly certFile?: string | undefined;
        readonly keyFile?: string | undefined;
        readonly keyPassphraseFile?: string | undefined;
        readonly alpnProtocols?: readonly string[] | undefined;
        readonly insecureSkipVerify: boolean;
      }
    | undefined;
  readonly keepAliveSeconds: number;
  readonly connectTimeoutMs: number;
  readonly reconnectMinMs: number;
  readonly sessionExpirySeconds: number;
  readonly maxInFlight: number;
  readonly maximumPacketSize?: number | undefined;
}

type TlsConfig = NonNullable<MqttConnectionConfig['tls']>;

/** MQTT.js passes all of these to TLS but does not type the passphrase. */
interface TlsFiles extends Pick<IClientOptions, 'ca' | 'cert' | 'key'> {
  readonly passphrase?: string;
}

/** Reads the PEM files. Throws an error that names the setting and the file if one is missing, broken or incomplete. */
function readTlsFiles({ caFile, certFile, keyFile, keyPassphraseFile }: TlsConfig): TlsFiles {
  const ca = pem('mqtt.tls.caFile', caFile);
  const cert = pem('mqtt.tls.certFile', certFile);
  const key = pem('mqtt.tls.keyFile', keyFile);
  // A CA file without a certificate would otherwise only show up as an untrusted broker.
  if (ca !== undefined) named(`mqtt.tls.caFile: ${caFile}`, () => new X509Certificate(ca));
  if (cert !== undefined) named(`mqtt.tls.certFile: ${certFile}`, () => new X509Certificate(cert));
  const passphrase = secretIn('mqtt.tls.keyPassphraseFile', keyPassphraseFile);
  if (passphrase === undefined && key?.includes('ENCRYPTED')) {
    throw new Error(`mqtt.tls.keyFile: ${keyFile}: the key is encrypted, but mqtt.tls.keyPassphraseFile is not set`);
  }
  const files = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), ...(passphrase && { passphrase }) };
  const opened = passphrase === undefined ? '' : ` with mqtt.tls.keyPassphraseFile ${keyPassphraseFile}`;
  named(`mqtt.tls.keyFile: ${keyFile}${opened}`, () => createSecureContext(files));
  return files;
}

function pem(setting: string, file: string | undefined): Buffer | undefined {
  return file === undefined ? undefined : named(`${setting}: ${file}`, () => readFileSync(file));
}

/** Reads a secret as mounted by Kubernetes and Docker: the whole file, without a trailing line break. */
function secretIn(setting: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  return named(`${setting}: ${file}`, () => {
    const secret = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    if (secret === '') throw new Error('the file is empty');
    return secret;
  });
}

function named<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw new Error(`${name}: ${toError(thrown).message}`, { cause: thrown });
  }
}

/**
 * Reads the certificate and secret files again for the next connection, since they are renewed in place. Throws as the
 * first read does, and then leaves the client unchanged.
 */
export function renewFiles({ options }: MqttClient, { tls, passwordFile }: MqttConnectionConfig): void {
  const password = secretIn('mqtt.passwordFile', passwordFile);
  const files = tls === undefined ? {} : readTlsFiles(tls);
  Object.assign(options, files, password === undefined ? {} : { password });
  // For WebSockets, MQTT.js copies them at the first connection.
  if (typeof options.wsOptions === 'object') Object.assign(options.wsOptions, files);
}

function tlsOptions({ tls }: MqttConnectionConfig): IClientOptions {
  if (tls === undefined) return {};
  const { insecureSkipVerify, alpnProtocols } = tls;
  return {
    rejectUnauthorized: !insecureSkipVerify,
    ...readTlsFiles(tls),
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }),
  };
}

/**
 * Returns username and password from the settings, or else from the URL, which MQTT.js would split at its last colon.
 */
function credentials({ url, username, password, passwordFile }: MqttConnectionConfig): IClientOptions {
  const inUrl = new URL(url);
  const user = username ?? decoded(inUrl.username);
  const secret = secretIn('mqtt.passwordFile', passwordFile) ?? password ?? decoded(inUrl.password);
  return { ...(user === '' ? {} : { username: user }), ...(secret === '' ? {} : { password: secret }) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // The text contains a percent sign that encodes nothing.
    return text;
  }
}

/** Reads the secrets from files. An unreadable file is fatal at start. */
function fromFiles(config: MqttConnectionConfig): IClientOptions {
  try {
    return { ...credentials(config), ...tlsOptions(config) };
  } catch (thrown) {
    throw new FatalError(toError(thrown).message, { cause: thrown });
  }
}

/** Removes user information, and replaces the schemes `tcp`, `ssl` and `tls`, which MQTT.js supports only in part. */
function address(url: string): string {
  return url
    .replace(/^tcp:/, 'mqtt:')
    .replace(/^(ssl|tls):/, 'mqtts:')
    .replace(/^([a-z]+:\/\/)[^/?#]*@/i, '$1');
}

/**
 * Creates a client with a persistent session, unless `clean` is set. It connects only on `connect()`, so that its
 * handlers are installed before the first message of an old session arrives.
 *
 * The client does not reconnect or resubscribe; the source does. It sets no topic alias maximum, because aliases need
 * state that a paused connection does not keep.
 */
export function createMqttClient(config: MqttConnectionConfig, { clean = false } = {}): MqttClient {
  return connect(address(config.url), {
    clientId: config.clientId,
    protocolVersion: config.protocolVersion,
    clean,
    keepalive: config.keepAliveSeconds,
    connectTimeout: config.connectTimeoutMs,
    reconnectPeriod: 0,
    resubscribe: false,
    manualConnect: true,
    ...(config.protocolVersion === 5
      ? {
          properties: {
            sessionExpiryInterval: config.sessionExpirySeconds,
            receiveMaximum: config.maxInFlight,
            ...(config.maximumPacketSize === undefined ? {} : { maximumPacketSize: config.maximumPacketSize }),
          },
        }
      : {}),
    ...fromFiles(config),
  });
}
