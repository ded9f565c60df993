import { type Sandbox, type SandboxPart, startSandbox } from '../sandbox/sandbox.ts';
import { findMosquitto, type Mosquitto, startMosquitto } from './mosquitto.ts';
import type { Scope } from './scope.ts';

/** Servers of a test. */
export interface Servers {
  readonly sandbox: Sandbox;
  /** Undefined if mosquitto is not installed or was not requested: then the sandbox's broker serves MQTT. */
  readonly mosquitto: Mosquitto | undefined;
  /** Environment that names the MQTT broker, and its protocol version. */
  readonly mqttEnv: { readonly MQTT_URL: string; readonly MQTT_PROTOCOL_VERSION: '4' | '5' };
}

export interface ServersOptions {
  /** Servers of the sandbox. Default: all. */
  readonly parts?: readonly SandboxPart[];
  /** True to start a mosquitto too, if it is installed. */
  readonly mosquitto?: boolean;
}

/** Starts servers that end with the scope, and sets the sandbox's environment in this process. */
export async function startServers(
  scope: Scope,
  { parts, mosquitto: wanted = false }: ServersOptions = {},
): Promise<Servers> {
  const sandbox = scope.use(await startSandbox(parts === undefined ? {} : { parts }));
  sandbox.applyEnv();
  const mosquitto = wanted && findMosquitto() !== undefined ? scope.use(await startMosquitto()) : undefined;
  return {
    sandbox,
    mosquitto,
    mqttEnv:
      mosquitto === undefined
        ? { MQTT_URL: sandbox.env.MQTT_URL ?? '', MQTT_PROTOCOL_VERSION: '4' }
        : { MQTT_URL: mosquitto.url, MQTT_PROTOCOL_VERSION: '5' },
  };
}
