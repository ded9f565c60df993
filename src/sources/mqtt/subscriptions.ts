import type { MqttClient } from 'mqtt';
import { toError } from '../../core/errors.ts';
import type { ConditionSetter } from '../../core/readiness.ts';
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
  readonly #readiness: ConditionSetter;
  #wanted = new Map<string, 0 | 1 | 2>();
  readonly #granted = new Map<string, 0 | 1 | 2>();
  /** What the broker may hold: also what it granted at a lower QoS, and what its answer never came for. */
  readonly #held = new Set<string>();
  #online = false;
  #working: Promise<void> = Promise.resolve();

  constructor(client: MqttClient, telemetry: Telemetry, readiness: ConditionSetter) {
    this.#client = client;
    this.#telemetry = telemetry;
    this.#readiness = readiness;
    this.#notSubscribed();
  }

  want(wanted: readonly MqttSubscription[]): Promise<void> {
    for (const { filter, qos } of wanted) {
      if (qos === 2 && !this.#wanted.has(filter)) this.#telemetry.event('mqtt.qos_lowered', { filter });
    }
    this.#wanted = new Map(wanted.map(({ filter, qos }) => [filter, qos]));
    return this.#reconcile();
  }

  connected(sessionPresent: boolean): void {
    if (!sessionPresent) {
      this.#granted.clear();
      this.#held.clear();
      this.#notSubscribed();
    }
    this.#online = true;
    void this.#reconcile();
  }

  disconnected(): void {
    this.#online = false;
  }

  #notSubscribed(): void {
    this.#readiness.set('mqtt.subscriptions', 'failing', 'not subscribed');
  }

  /** What is wanted, and not granted as it is wanted. */
  get #missing(): [filter: string, qos: 0 | 1 | 2][] {
    return [...this.#wanted].filter(([filter, qos]) => this.#granted.get(filter) !== qos);
  }

  /** One change at a time, so that the last wish wins. */
  #reconcile(): Promise<void> {
    this.#working = this.#working.then(async () => {
      if (!this.#online) return;
      const wanted = this.#wanted;
      const missing = this.#missing;
      const obsolete = [...this.#held].filter((filter) => !this.#wanted.has(filter));
      try {
        if (missing.length > 0) await this.#subscribe(missing);
        if (obsolete.length > 0) await this.#unsubscribe(obsolete);
        // Wanted differently by now: the next turn asks for it, and judges.
        if (this.#wanted !== wanted) return;
        const refused = this.#missing.map(([filter]) => filter);
        if (refused.length === 0) this.#readiness.set('mqtt.subscriptions', 'ok');
        else this.#readiness.set('mqtt.subscriptions', 'failing', `the broker refused ${refused.join(', ')}`);
      } catch (thrown) {
        // The connection broke: the next one reconciles again.
        this.#telemetry.event('mqtt.error', { error: toError(thrown).message });
      }
    });
    return this.#working;
  }

  async #subscribe(missing: [string, 0 | 1 | 2][]): Promise<void> {
    for (const [filter] of missing) this.#held.add(filter);
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
      if (got < asked || got >= REFUSED) {
        this.#telemetry.event('mqtt.subscribe_refused', { filter, asked, code: got });
        if (got >= REFUSED && !this.#granted.has(filter)) this.#held.delete(filter);
      } else {
        this.#granted.set(filter, qos);
        this.#telemetry.event('mqtt.subscribed', { filter, qos: asked });
      }
    }
  }

  async #unsubscribe(obsolete: string[]): Promise<void> {
    await this.#client.unsubscribeAsync(obsolete);
    for (const filter of obsolete) {
      this.#granted.delete(filter);
      this.#held.delete(filter);
      this.#telemetry.event('mqtt.unsubscribed', { filter });
    }
  }
}
