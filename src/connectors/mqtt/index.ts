/** MQTT 3.1.1 and 5: a source whose PUBACK follows the settlement of each message. */

export { createMqttClient, type MqttConnectionConfig } from './client.ts';
export { type MqttSourceConfig, mqttSourceSchema } from './config.ts';
export { MqttSource, type MqttSourceOptions } from './source.ts';
export type { MqttSubscription } from './subscriptions.ts';
