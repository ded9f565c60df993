import type { MqttClient } from 'mqtt';
import { toError } from '../../core/errors.ts';
import type { Readiness } from '../../core/readiness.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';

/** One topic filter to receive. */
export interface MqttSubscription {
  readonly filter: string;
  /** QoS 2 is subscribed at 1: a PUBREC on receipt would take the message over before it is safe. */
  readonly qos: 0 | 1 | 2;
}

/** SUBACK codes from 128 on are refusals. */
const REFUSED = 128;

/**
 * Keeps the broker's subscriptions as they are wanted. A resumed session keeps those of this process: they are not
 * asked for again, since every SUBSCRIBE sends the retained messages anew.
 */
export class Subscriptions {
  readonly #client: MqttClient;
  readonly #telemetry: Telemetry;
  readonly #readiness: Readiness;
  #wanted = new Map<string, 0 | 1 | 2>();
  readonly #granted = new Map<string, 0 | 1 | 2>();
  #online = false;
  #working: Promise<void> = Promise.resolve();

  constructor(client: MqttClient, telemetry: Telemetry, readiness: Readiness) {
    this.#client = client;
    this.#telemetry = telemetry;
    this.#readiness = readiness;
    readiness.set('mqtt.subscriptions', 'failing', 'not subscribed');
  }

  want(wanted: readonly MqttSubscription[]): Promise<void> {
    for (const { filter, qos } of wanted) {
      if (qos === 2 && !this.#wanted.has(filter)) this.#telemetry.event('mqtt.qos_lowered', { filter });
    }
    this.#wanted = new Map(wanted.map(({ filter, qos }) => [filter, qos]));
    return this.#reconcile();
  }

  connected(sessionPresent: boolean): void {
    if (!sessionPresent) this.#granted.clear();
    this.#online = true;
    void this.#reconcile();
  }

  disconnected(): void {
    this.#online = false;
  }

  /** One change at a time, so that the last wish wins. */
  #reconcile(): Promise<void> {
    this.#working = this.#working.then(async () => {
      if (!this.#online) return;
      const missing = [...this.#wanted].filter(([filter, qos]) => this.#granted.get(filter) !== qos);
      const obsolete = [...this.#granted.keys()].filter((filter) => !this.#wanted.has(filter));
      try {
        if (missing.length > 0) await this.#subscribe(missing);
        if (obsolete.length > 0) await this.#unsubscribe(obsolete);
        const ungranted = [...this.#wanted.keys()].filter((filter) => !this.#granted.has(filter));
        if (ungranted.length === 0) this.#readiness.set('mqtt.subscriptions', 'ok');
        else this.#readiness.set('mqtt.subscriptions', 'failing', `the broker refused ${ungranted.join(', ')}`);
      } catch (thrown) {
        // The connection broke: the next one reconciles again.
        this.#telemetry.event('mqtt.error', { error: toError(thrown).message });
      }
    });
    return this.#working;
  }

  async #subscribe(missing: [string, 0 | 1 | 2][]): Promise<void> {
    const request = Object.fromEntries(missing.map(([filter, qos]) => [filter, { qos: qos === 2 ? 1 : qos } as const]));
    const granted = await new Promise<readonly number[]>((resolve, reject) => {
      this.#client.subscribe(request, (error, grants, suback) => {
        // A connection that broke gives an error beside the QoS that was asked for: only a SUBACK grants.
        if (suback?.granted !== undefined) resolve(suback.granted.map(Number));
        else if (error) reject(error);
        else resolve((grants ?? []).map(({ qos }) => qos));
      });
    });
    for (const [index, [filter, qos]] of missing.entries()) {
      const asked = qos === 2 ? 1 : qos;
      const got = granted[index] ?? REFUSED;
      if (got < asked || got >= REFUSED) this.#telemetry.event('mqtt.subscribe_refused', { filter, asked, code: got });
      else {
        this.#granted.set(filter, qos);
        this.#telemetry.event('mqtt.subscribed', { filter, qos: asked });
      }
    }
  }

  async #unsubscribe(obsolete: string[]): Promise<void> {
    await this.#client.unsubscribeAsync(obsolete);
    for (const filter of obsolete) {
      this.#granted.delete(filter);
      this.#telemetry.event('mqtt.unsubscribed', { filter });
    }
  }
}
