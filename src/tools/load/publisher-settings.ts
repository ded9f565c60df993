import * as v from 'valibot';
import type { MqttConnectionConfig } from '../../connectors/mqtt/client.ts';
import { mqttSourceSchema } from '../../connectors/mqtt/config.ts';
import { FatalError } from '../../core/errors.ts';

/** Settings of a publisher's connection, named as in the section `mqtt` of a pipeline. */
export type PublisherSettings = Partial<
  Pick<MqttConnectionConfig, 'protocolVersion' | 'username' | 'password' | 'passwordFile' | 'tls'>
> & { readonly url: string };

/**
 * The settings of a connection that only publishes. A broker that is given by its address alone is spoken to in MQTT
 * 3.1.1, which all know.
 *
 * @throws FatalError naming each setting that is wrong.
 */
export function publisherSettings(settings: PublisherSettings): MqttConnectionConfig {
  const parsed = v.safeParse(mqttSourceSchema, { protocolVersion: 4, ...settings, clientId: 'load' });
  if (parsed.success) return parsed.output;
  const problems = parsed.issues.map((issue) => `mqtt.${v.getDotPath(issue)}: ${issue.message}`);
  throw new FatalError(problems.join('; '));
}
