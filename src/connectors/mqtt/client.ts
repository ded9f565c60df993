import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { writeToStream } from 'mqtt-packet';
import { FatalError, toError } from '../../core/errors.ts';

// Else MQTT.js makes a Buffer for each of the 65,536 packet ids with the first packet: 8 MB.
writeToStream.cacheNumbers = false;

/** The settings of a client; the MQTT source's schema explains them. */
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

/** MQTT.js hands all of them to TLS, and has no type for the passphrase. */
interface TlsFiles extends Pick<IClientOptions, 'ca' | 'cert' | 'key'> {
  readonly passphrase?: string;
}

/** Reads the PEM files. Throws an error that names the setting and the file when one is missing, broken or half written. */
function readTlsFiles({ caFile, certFile, keyFile, keyPassphraseFile }: TlsConfig): TlsFiles {
  const ca = pem('mqtt.tls.caFile', caFile);
  const cert = pem('mqtt.tls.certFile', certFile);
  const key = pem('mqtt.tls.keyFile', keyFile);
  // Without a certificate in it, an authority's file would only show as a broker that nobody has vouched for.
  if (ca !== undefined) named(`mqtt.tls.caFile: ${caFile}`, () => new X509Certificate(ca));
  if (cert !== undefined) named(`mqtt.tls.certFile: ${certFile}`, () => new X509Certificate(cert));
  const passphrase = secretIn('mqtt.tls.keyPassphraseFile', keyPassphraseFile);
  if (passphrase === undefined && key?.includes('ENCRYPTED')) {
    throw new Error(`mqtt.tls.keyFile: ${keyFile}: the key is encrypted, and there is no mqtt.tls.keyPassphraseFile`);
  }
  const files = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), ...(passphrase && { passphrase }) };
  const opened = passphrase === undefined ? '' : ` with mqtt.tls.keyPassphraseFile ${keyPassphraseFile}`;
  named(`mqtt.tls.keyFile: ${keyFile}${opened}`, () => createSecureContext(files));
  return files;
}

function pem(setting: string, file: string | undefined): Buffer | undefined {
  return file === undefined ? undefined : named(`${setting}: ${file}`, () => readFileSync(file));
}

/** A secret as Kubernetes and Docker mount them: the whole file, without a line break at its end. */
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
 * Reads the files of certificates and secrets again, for the next connection: they are renewed under the same names.
 * Throws as the first reading does, and leaves the client as it was.
 */
export function renewFiles({ options }: MqttClient, { tls, passwordFile }: MqttConnectionConfig): void {
  const password = secretIn('mqtt.passwordFile', passwordFile);
  const files = tls === undefined ? {} : readTlsFiles(tls);
  Object.assign(options, files, password === undefined ? {} : { password });
  // For WebSockets MQTT.js copies them at the first connection.
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

/** The user's name and password: of the settings, or else of the URL. MQTT.js would split that at its last colon. */
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
    // A percent sign that encodes nothing.
    return text;
  }
}

/** Reads the secrets that are in files; an unreadable file is fatal at start. */
function fromFiles(config: MqttConnectionConfig): IClientOptions {
  try {
    return { ...credentials(config), ...tlsOptions(config) };
  } catch (thrown) {
    throw new FatalError(toError(thrown).message, { cause: thrown });
  }
}

/** For MQTT.js: without user information, and `tcp`, `ssl` and `tls`, which it knows only in part, by their other names. */
function address(url: string): string {
  return url
    .replace(/^tcp:/, 'mqtt:')
    .replace(/^(ssl|tls):/, 'mqtts:')
    .replace(/^([a-z]+:\/\/)[^/?#]*@/i, '$1');
}

/**
 * A client with a persistent session, unless `clean` is set, that does not connect before `connect()` is called, so that
 * its handlers are in place when the first message of an old session arrives. It neither reconnects by itself, nor
 * resubscribes, nor sets a topic alias maximum: the source does the first two, and aliases would need state that a held
 * connection does not keep.
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
