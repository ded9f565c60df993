import * as v from 'valibot';
import type { MqttConnectionConfig } from '../../connectors/mqtt/client.ts';
import { mqttSourceSchema } from '../../connectors/mqtt/config.ts';
import { FatalError } from '../../core/errors.ts';

/** Settings of a publisher's connection, named as under `mqtt` in a pipeline. */
export type PublisherSettings = Partial<
  Pick<MqttConnectionConfig, 'protocolVersion' | 'username' | 'password' | 'passwordFile' | 'tls'>
> & { readonly url: string };

/**
 * Returns the settings of a connection that only publishes. A broker given only by address is addressed in MQTT 3.1.1,
 * which all brokers support.
 *
 * @throws FatalError naming each wrong setting.
 */
export function publisherSettings(settings: PublisherSettings): MqttConnectionConfig {
  const parsed = v.safeParse(mqttSourceSchema, { protocolVersion: 4, ...settings, clientId: 'load' });
  if (parsed.success) return parsed.output;
  const problems = parsed.issues.map((issue) => `mqtt.${v.getDotPath(issue)}: ${issue.message}`);
  throw new FatalError(problems.join('; '));
}
