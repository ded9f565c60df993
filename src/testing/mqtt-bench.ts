import { type Mosquitto, startMosquitto } from './mosquitto.ts';
import { type MqttRig, startMqttRig } from './mqtt-rig.ts';
import { type BrokerScript, type ScriptedBroker, startScriptedBroker } from './scripted-broker.ts';
import type { Suite } from './suite.ts';

/** Brokers and sources that end with the test that has asked for them. */
export interface MqttBench {
  scripted(script?: BrokerScript): Promise<ScriptedBroker>;
  mosquitto(extraLines?: readonly string[]): Promise<Mosquitto>;
  rig(...parameters: Parameters<typeof startMqttRig>): MqttRig;
  /** Ends something of the test's own. */
  defer(close: () => Promise<unknown> | unknown): void;
}

export function mqttBench({ afterEach }: Pick<Suite, 'afterEach'>): MqttBench {
  const closing: (() => Promise<unknown> | unknown)[] = [];
  const defer = (close: () => Promise<unknown> | unknown) => closing.push(close);
  afterEach(async () => {
    for (let close = closing.pop(); close !== undefined; close = closing.pop()) await close();
  });
  return {
    defer,
    async scripted(script) {
      const broker = await startScriptedBroker(script);
      defer(broker.close);
      return broker;
    },
    async mosquitto(extraLines) {
      const broker = await startMosquitto(extraLines);
      defer(broker.close);
      return broker;
    },
    rig(...parameters) {
      const rig = startMqttRig(...parameters);
      defer(rig.close);
      return rig;
    },
  };
}
