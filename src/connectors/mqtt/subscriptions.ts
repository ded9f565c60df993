import type { IClientSubscribeOptions, MqttClient } from 'mqtt';
import { type SchedulerLike, Subscription } from 'rxjs';
import { toError } from '../../core/errors.ts';
import type { ConditionSetter } from '../../core/readiness.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { monotonicScheduler } from '../../util/clock.ts';
import type { MqttSourceConfig } from './config.ts';
import { newSubscriptionId } from './subscription-id.ts';
import { filtersOverlap, matchableFilter, topicMatches } from './topic-filter.ts';
import type { ReceivedPublish } from './wire/publish-reader.ts';

/** One topic filter to receive. */
export interface MqttSubscription {
  readonly filter: string;
  /** QoS 2 is subscribed at 1: a PUBREC on receipt would take over the message before it is safe. */
  readonly qos: 0 | 1 | 2;
}

export interface SubscriptionsOptions {
  readonly client: MqttClient;
  readonly config: Pick<
    MqttSourceConfig,
    'protocolVersion' | 'maxFiltersPerSubscribe' | 'retained' | 'formerFilters' | 'decommission'
  >;
  readonly telemetry: Telemetry;
  readonly readiness: ConditionSetter;
  /** Called before a SUBSCRIBE with an identifier. */
  readonly onSubscribe?: (filter: string, subscriptionId: number) => void;
  /** Called once all wanted filters are answered. */
  readonly onSubscribed?: () => void;
  /** Called before an UNSUBSCRIBE. */
  readonly onUnsubscribe?: (filter: string) => void;
  readonly scheduler?: SchedulerLike | undefined;
}

/** SUBACK and UNSUBACK codes from 128 on are refusals. */
const REFUSED = 128;
/** UNSUBACK code of MQTT 5 for a filter that the session did not have. */
const NO_SUBSCRIPTION_EXISTED = 17;
/** Waits before a refused filter is requested again: doubling, with jitter. */
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 15_000;

/** Retained messages that a SUBSCRIBE delivers, in MQTT 5. At 1, only those of filters that are new to the session. */
const RETAIN_HANDLING = { always: 0, new: 1, never: 2 } as const;

/** SUBSCRIBE packets that may await their answers concurrently. */
const SUBSCRIBES_AT_A_TIME = 32;

interface Answer {
  readonly asked: 0 | 1;
  /** The granted QoS, or the reason of the refusal. */
  readonly code: number;
}

/**
 * Keeps the broker's subscriptions equal to the wanted ones. Every connection subscribes all of them, because a broker
 * restored from an old save may have the session but lack a subscription. Refused filters are retried with backoff.
 */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #scheduler: SchedulerLike;
  #wanted = new Map<string, 0 | 1 | 2>();
  /** With `decommission`: the filters of the routes, to unsubscribe. */
  #left: readonly string[] = [];
  /** Filters that this connection has requested. */
  readonly #asked = new Set<string>();
  readonly #answers = new Map<string, Answer>();
  /** Filters that this connection has requested and the session lacked: their retained messages are new. */
  readonly #fresh = new Set<string>();
  /** Filters that the broker may have, including those granted at a lower QoS and those never answered. */
  readonly #held = new Set<string>();
  /** True if the broker supports subscription identifiers: MQTT 5, unless the CONNACK denies it. */
  #hasIds = false;
  #online = false;
  #working: Promise<void> = Promise.resolve();
  #retry = Subscription.EMPTY;
  #retryMs = RETRY_MIN_MS;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? monotonicScheduler;
    this.#notSubscribed();
  }

  want(wanted: readonly MqttSubscription[]): Promise<void> {
    if (this.#options.config.decommission) {
      this.#left = wanted.flatMap(({ filter }) => [...new Set([filter, matchableFilter(filter)])]);
      return this.#reconcile();
    }
    for (const { filter, qos } of wanted) {
      if (qos === 2 && !this.#wanted.has(filter)) this.#options.telemetry.event('mqtt.qos_lowered', { filter });
    }
    this.#wanted = new Map(wanted.map(({ filter, qos }) => [filter, qos]));
    return this.#reconcile();
  }

  connected(sessionPresent: boolean, hasIds: boolean): void {
    this.#hasIds = hasIds;
    this.#asked.clear();
    this.#answers.clear();
    this.#fresh.clear();
    if (sessionPresent) {
      for (const filter of [...this.#wanted.keys(), ...this.#former]) this.#held.add(filter);
    } else {
      this.#held.clear();
      this.#notSubscribed();
    }
    this.#online = true;
    void this.#reconcile();
  }

  disconnected(): void {
    this.#online = false;
    this.#retry.unsubscribe();
  }

  /**
   * Returns whether to leave out a retained message: always with `never`; with `new`, if it was delivered before.
   *
   * MQTT 5 brokers do not send such messages. With MQTT 3.1.1, every SUBSCRIBE delivers all retained messages again, so
   * they are left out if the session already had the filter. Redeliveries pass, since they passed before, and so do
   * messages that arrive before the SUBSCRIBE.
   */
  leavesOut({ retain, dup, topic }: Pick<ReceivedPublish, 'retain' | 'dup' | 'topic'>): boolean {
    const { retained, protocolVersion } = this.#options.config;
    if (!retain || retained === 'always') return false;
    if (retained === 'never') return true;
    if (protocolVersion === 5 || dup) return false;
    const matching = [...this.#asked].filter((filter) => topicMatches(filter, topic));
    return matching.length > 0 && !matching.some((filter) => this.#fresh.has(filter));
  }

  #notSubscribed(): void {
    this.#options.readiness.set('mqtt.subscriptions', 'failing', 'not subscribed');
  }

  /**
   * Filters that a session may have from an earlier configuration: unshared twins of shared filters, `formerFilters`,
   * and those of a replica that is decommissioned.
   */
  get #former(): string[] {
    const unshared = [...this.#wanted.keys()].filter((filter) => filter.startsWith('$share/')).map(matchableFilter);
    return [...unshared, ...this.#options.config.formerFilters, ...this.#left];
  }

  /** Wanted filters that were not requested at their QoS. */
  get #unasked(): string[] {
    return [...this.#wanted.keys()].filter((filter) => this.#answers.get(filter)?.asked !== this.#qosOf(filter));
  }

  get #refused(): [filter: string, code: number][] {
    return [...this.#wanted.keys()].flatMap((filter) => {
      const { code = 0 } = this.#answers.get(filter) ?? {};
      return code >= REFUSED ? [[filter, code] as const] : [];
    });
  }

  /** Filters wanted at QoS 1 and granted at 0. */
  get #lowered(): string[] {
    return [...this.#wanted.keys()].filter((filter) => {
      const answer = this.#answers.get(filter);
      return answer !== undefined && answer.code < answer.asked;
    });
  }

  /**
   * Filters that the broker has and the configuration does not. A filter stays while an overlapping successor is
   * refused.
   */
  get #obsolete(): string[] {
    const refused = this.#refused;
    return [...this.#held].filter(
      (filter) => !this.#wanted.has(filter) && !refused.some(([missing]) => filtersOverlap(missing, filter)),
    );
  }

  #qosOf(filter: string): 0 | 1 {
    return this.#wanted.get(filter) === 0 ? 0 : 1;
  }

  /** Runs changes one at a time, so that the latest one wins. */
  #reconcile(): Promise<void> {
    this.#working = this.#working.then(async () => {
      if (!this.#online) return;
      const wanted = this.#wanted;
      try {
        for (const packets of chunks(this.#subscribePackets(), SUBSCRIBES_AT_A_TIME))
          await Promise.all(packets.map((filters) => this.#subscribe(filters)));
        this.#options.onSubscribed?.();
        for (const filters of chunks(this.#obsolete, this.#options.config.maxFiltersPerSubscribe))
          await this.#unsubscribe(filters);
        // If the wanted filters have changed, the next turn subscribes and judges them.
        if (this.#wanted === wanted && this.#online) this.#judge();
      } catch (thrown) {
        // The connection broke; the next one reconciles again.
        this.#options.telemetry.event('mqtt.error', { error: toError(thrown).message });
      }
    });
    return this.#working;
  }

  #judge(): void {
    const { readiness } = this.#options;
    const refused = this.#refused;
    const lowered = this.#lowered;
    this.#retry.unsubscribe();
    if (refused.length > 0) {
      const named = refused.map(([filter, code]) => `${filter} (${code})`).join(', ');
      readiness.set('mqtt.subscriptions', 'failing', `the broker refused ${named}: retrying until it is granted`);
      this.#retryLater();
      return;
    }
    this.#retryMs = RETRY_MIN_MS;
    if (lowered.length === 0) readiness.set('mqtt.subscriptions', 'ok');
    else {
      readiness.set(
        'mqtt.subscriptions',
        'degraded',
        `the broker granted QoS 0 for ${lowered.join(', ')}: messages that arrive while the service is down, or are in flight when it stops, are lost`,
      );
    }
  }

  #retryLater(): void {
    const afterMs = Math.round(this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
    this.#retry = this.#scheduler.schedule(() => {
      for (const [filter] of this.#refused) this.#answers.delete(filter);
      void this.#reconcile();
    }, afterMs);
  }

  /** A packet has one identifier for all of its filters. */
  #subscribePackets(): string[][] {
    return chunks(this.#unasked, this.#hasIds ? 1 : this.#options.config.maxFiltersPerSubscribe);
  }

  async #subscribe(filters: readonly string[]): Promise<void> {
    const { client, telemetry } = this.#options;
    const held = new Set(this.#held);
    const options = this.#hasIds ? this.#identified(filters) : {};
    for (const filter of filters) {
      this.#asked.add(filter);
      if (!held.has(filter)) this.#fresh.add(filter);
      this.#held.add(filter);
    }
    const request = Object.fromEntries(filters.map((filter) => [filter, this.#subscribeOptions(filter)]));
    const granted = await new Promise<readonly [filter: string, code: number][]>((resolve, reject) => {
      client.subscribe(request, options, (error, grants = [], suback) => {
        // A broken connection reports an error along with the requested QoS: only a SUBACK grants.
        const codes = suback?.granted?.map(Number);
        if (codes === undefined && error) reject(error);
        // The order differs from `filters`, because an object lists numeric names first.
        else
          resolve(
            grants.map(({ topic, qos }, index) => [topic, codes === undefined ? qos : (codes[index] ?? REFUSED)]),
          );
      });
    });
    for (const [filter, code] of granted) {
      const asked = request[filter]?.qos === 0 ? 0 : 1;
      this.#answers.set(filter, { asked, code });
      if (code >= REFUSED) {
        telemetry.event('mqtt.subscribe_refused', { filter, asked, code });
        if (!held.has(filter)) this.#held.delete(filter);
      } else if (code < asked) telemetry.event('mqtt.qos_granted_lower', { filter, asked, granted: code });
      else telemetry.event('mqtt.subscribed', { filter, qos: asked });
    }
  }

  #identified([filter = '']: readonly string[]): { properties: { subscriptionIdentifier: number } } {
    const subscriptionIdentifier = newSubscriptionId(filter);
    this.#options.onSubscribe?.(filter, subscriptionIdentifier);
    return { properties: { subscriptionIdentifier } };
  }

  #subscribeOptions(filter: string): IClientSubscribeOptions {
    const { protocolVersion, retained } = this.#options.config;
    const qos = this.#qosOf(filter);
    // Without Retain As Published, RETAIN marks only messages delivered because of a SUBSCRIBE.
    return protocolVersion === 5 ? { qos, rh: RETAIN_HANDLING[retained], rap: false } : { qos };
  }

  async #unsubscribe(filters: string[]): Promise<void> {
    const { client, telemetry } = this.#options;
    for (const filter of filters) this.#options.onUnsubscribe?.(filter);
    const answer = await client.unsubscribeAsync(filters);
    // MQTT 3.1.1 has no codes.
    const codes = answer?.cmd === 'unsuback' && Array.isArray(answer.granted) ? answer.granted.map(Number) : [];
    for (const [index, filter] of filters.entries()) {
      const code = codes[index] ?? 0;
      this.#answers.delete(filter);
      this.#asked.delete(filter);
      if (code >= REFUSED) telemetry.event('mqtt.unsubscribe_refused', { filter, code });
      else {
        this.#held.delete(filter);
        if (code !== NO_SUBSCRIPTION_EXISTED) telemetry.event('mqtt.unsubscribed', { filter });
      }
    }
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}
