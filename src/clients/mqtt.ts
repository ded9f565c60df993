import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { FatalError, toError } from '../core/errors.ts';

/** What it takes to build a client; the settings are explained at the MQTT source. */
export interface MqttConnectionConfig {
  readonly url: string;
  readonly clientId: string;
  readonly protocolVersion: 4 | 5;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?:
    | {
        readonly caFile?: string | undefined;
        readonly certFile?: string | undefined;
        readonly keyFile?: string | undefined;
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
type TlsFiles = Pick<IClientOptions, 'ca' | 'cert' | 'key'>;

/** Reads the PEM files. Throws an error that names the setting and the file when one is missing, broken or half written. */
function readTlsFiles({ caFile, certFile, keyFile }: TlsConfig): TlsFiles {
  const ca = pem('mqtt.tls.caFile', caFile);
  const cert = pem('mqtt.tls.certFile', certFile);
  const key = pem('mqtt.tls.keyFile', keyFile);
  // Without a certificate in it, an authority's file would only show as a broker that nobody has vouched for.
  if (ca !== undefined) named(`mqtt.tls.caFile: ${caFile}`, () => new X509Certificate(ca));
  if (cert !== undefined) named(`mqtt.tls.certFile: ${certFile}`, () => new X509Certificate(cert));
  const files = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  named(`mqtt.tls.keyFile: ${keyFile}`, () => createSecureContext(files));
  return files;
}

function pem(setting: string, file: string | undefined): Buffer | undefined {
  return file === undefined ? undefined : named(`${setting}: ${file}`, () => readFileSync(file));
}

function named<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw new Error(`${name}: ${toError(thrown).message}`, { cause: thrown });
  }
}

/**
 * Reads the PEM files again, for the next connection: certificates are renewed under the same names. Throws as the first
 * reading does, and leaves the client as it was.
 */
export function renewTls({ options }: MqttClient, { tls }: MqttConnectionConfig): void {
  if (tls === undefined) return;
  const files = readTlsFiles(tls);
  Object.assign(options, files);
  // For WebSockets MQTT.js copies them at the first connection.
  if (typeof options.wsOptions === 'object') Object.assign(options.wsOptions, files);
}

function tlsOptions({ tls }: MqttConnectionConfig): IClientOptions {
  if (tls === undefined) return {};
  try {
    return { rejectUnauthorized: !tls.insecureSkipVerify, ...readTlsFiles(tls) };
  } catch (thrown) {
    throw new FatalError(toError(thrown).message, { cause: thrown });
  }
}

/** `tcp`, `ssl` and `tls` are other names that MQTT.js knows only in part. */
function withKnownScheme(url: string): string {
  return url.replace(/^tcp:/, 'mqtt:').replace(/^(ssl|tls):/, 'mqtts:');
}

/**
 * A client with a persistent session, unless `clean` is set, that does not connect before `connect()` is called, so that
 * its handlers are in place when the first message of an old session arrives. It neither reconnects by itself, nor
 * resubscribes, nor sets a topic alias maximum: the source does the first two, and aliases would need state that a held
 * connection does not keep.
 */
export function createMqttClient(config: MqttConnectionConfig, { clean = false } = {}): MqttClient {
  return connect(withKnownScheme(config.url), {
    clientId: config.clientId,
    protocolVersion: config.protocolVersion,
    clean,
    keepalive: config.keepAliveSeconds,
    connectTimeout: config.connectTimeoutMs,
    reconnectPeriod: 0,
    resubscribe: false,
    manualConnect: true,
    ...(config.username === undefined ? {} : { username: config.username }),
    ...(config.password === undefined ? {} : { password: config.password }),
    ...(config.protocolVersion === 5
      ? {
          properties: {
            sessionExpiryInterval: config.sessionExpirySeconds,
            receiveMaximum: config.maxInFlight,
            ...(config.maximumPacketSize === undefined ? {} : { maximumPacketSize: config.maximumPacketSize }),
          },
        }
      : {}),
    ...tlsOptions(config),
  });
}
