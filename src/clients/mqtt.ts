import { readFileSync } from 'node:fs';
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
}

function pem(setting: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (thrown) {
    throw new FatalError(`${setting}: ${file}: ${toError(thrown).message}`, { cause: thrown });
  }
}

function tlsOptions({ tls }: MqttConnectionConfig): IClientOptions {
  if (tls === undefined) return {};
  return {
    rejectUnauthorized: !tls.insecureSkipVerify,
    ...(tls.caFile === undefined ? {} : { ca: pem('mqtt.tls.caFile', tls.caFile) }),
    ...(tls.certFile === undefined ? {} : { cert: pem('mqtt.tls.certFile', tls.certFile) }),
    ...(tls.keyFile === undefined ? {} : { key: pem('mqtt.tls.keyFile', tls.keyFile) }),
  };
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
          },
        }
      : {}),
    ...tlsOptions(config),
  });
}
