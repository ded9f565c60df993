import type { MqttConnectionConfig } from '../connectors/mqtt/client.ts';
import { FatalError, toError } from '../core/errors.ts';
import { readPipelineConfig } from '../services/pipeline.ts';
import { type PublisherSettings, publisherSettings } from '../tools/load/publisher-settings.ts';

/** Command-line options that name the broker. */
export interface BrokerOptions {
  readonly url?: string;
  /** An ingestion pipeline that provides the broker, certificates and password. */
  readonly pipeline?: string;
}

/**
 * Returns the broker of `--pipeline` or `--url`, else that of the environment.
 *
 * @param settings used together with a plain address.
 * @throws FatalError naming the option that is missing or wrong.
 */
export function brokerOf(
  { url, pipeline }: BrokerOptions,
  settings: Omit<PublisherSettings, 'url'> = {},
): MqttConnectionConfig {
  if (pipeline !== undefined) {
    if (url !== undefined) throw new FatalError('--pipeline: --url is set too; remove one of them');
    const config = readPipelineConfig(pipeline);
    if ('mqtt' in config) return config.mqtt;
    throw new FatalError(`--pipeline: ${pipeline} is a pipeline of ${config.service}; expected an ingestion pipeline`);
  }
  const address = url || process.env.MQTT_URL || process.env.MQTT_BROKER_URL;
  if (!address) {
    throw new FatalError('--url: set --url, --pipeline, or MQTT_URL or MQTT_BROKER_URL in the environment');
  }
  try {
    return publisherSettings({ ...settings, url: address });
  } catch (thrown) {
    throw new FatalError(asOptions(toError(thrown).message), { cause: thrown });
  }
}

const OPTIONS = { url: 'url', username: 'username', passwordFile: 'password-file', 'tls.caFile': 'ca-file' };

/** Replaces a pipeline's setting in a message with the option for it. */
function asOptions(message: string): string {
  return Object.entries(OPTIONS).reduce(
    (text, [name, option]) => text.replaceAll(`mqtt.${name}:`, `--${option}:`),
    message,
  );
}
