import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { TLSSocket } from 'node:tls';
import type { IConnackPacket, MqttClient, Packet } from 'mqtt';
import { createMqttClient } from '../../connectors/mqtt/client.ts';
import type { MqttSourceConfig } from '../../connectors/mqtt/config.ts';
import { plainPortOf, redacted, refusalOf } from '../../connectors/mqtt/connection.ts';
import { toError } from '../../core/errors.ts';
import type { Check, Report } from './finding.ts';

const DAY_MS = 86_400_000;
/** Enough time to renew a certificate manually. */
const SOON_DAYS = 21;

export interface ExaminedBroker {
  readonly mqtt: MqttSourceConfig;
  /** The filters of the routes. */
  readonly filters: readonly string[];
}

/**
 * Checks the broker: connects with a separate client id, so that a running service keeps its session, and subscribes to
 * nothing.
 */
export function brokerCheck({ mqtt, filters }: ExaminedBroker): Check {
  return {
    part: `broker ${redacted(mqtt.url)}`,
    run: async (report) => {
      const clientId = `${mqtt.clientId}-doctor-${randomBytes(4).toString('hex')}`;
      const client = createMqttClient({ ...mqtt, clientId }, { clean: true });
      try {
        const connack = await connected(client);
        const version = mqtt.protocolVersion === 5 ? 'MQTT 5' : 'MQTT 3.1.1';
        report('ok', `takes ${version} connections with these credentials (as ${clientId})`);
        reportLimits(report, connack, mqtt, filters);
        reportCertificates(report, client, mqtt);
      } catch (thrown) {
        const error = toError(thrown);
        const refusal = refusalOf(error, mqtt) ?? plainPortOf(error, mqtt);
        report('error', refusal ?? `cannot be reached: ${error.message || String(error)}`, 'check mqtt.url');
      } finally {
        const end = mqtt.protocolVersion === 5 && client.connected ? { properties: { sessionExpiryInterval: 0 } } : {};
        client.end(!client.connected, end);
      }
    },
  };
}

function connected(client: MqttClient): Promise<IConnackPacket> {
  return new Promise((resolve, reject) => {
    client.on('packetreceive', (packet: Packet) => {
      if (packet.cmd === 'connack' && (packet.reasonCode ?? packet.returnCode ?? 0) === 0) resolve(packet);
    });
    client.on('error', reject);
    client.on('close', () => reject(new Error('the broker closed the connection')));
    client.connect();
  });
}

/** Reports certificates that expire soon: the broker's, and this client's. */
function reportCertificates(report: Report, { stream }: MqttClient, { tls }: MqttSourceConfig): void {
  if (stream instanceof TLSSocket) {
    reportExpiry(
      report,
      'the certificate of the broker',
      stream.getPeerCertificate().valid_to,
      'renew it at the broker',
    );
  }
  if (tls?.certFile !== undefined) {
    const { validTo } = new X509Certificate(readFileSync(tls.certFile));
    reportExpiry(report, 'the client certificate', validTo, 'renew mqtt.tls.certFile');
  }
}

function reportExpiry(report: Report, which: string, validTo: string, remedy: string): void {
  const days = Math.floor((Date.parse(validTo) - Date.now()) / DAY_MS);
  if (Number.isNaN(days)) return;
  if (days < SOON_DAYS) report('warning', `${which} expires in ${days} days (${validTo})`, remedy);
  else report('ok', `${which} is valid for ${days} days`);
}

function reportLimits(
  report: Report,
  { properties = {} }: IConnackPacket,
  mqtt: MqttSourceConfig,
  filters: readonly string[],
): void {
  if (mqtt.protocolVersion === 4) {
    report('note', 'MQTT 3.1.1 announces no limits; retained messages come with each connection');
    return;
  }
  const shared = filters.filter((filter) => filter.startsWith('$share/'));
  const isShared = shared.length > 0 || (mqtt.shareGroup ?? '') !== '';
  if (properties.sharedSubscriptionAvailable === false && isShared) {
    report('error', 'has no shared subscriptions', 'leave out mqtt.shareGroup and filters that begin with $share/');
  }
  if (properties.wildcardSubscriptionAvailable === false && filters.some((filter) => /[+#]/.test(filter))) {
    report('error', 'takes no filters with + and #', 'name topics in routes.*.source.mqtt_topic');
  }
  if (properties.retainAvailable === false && mqtt.retained !== 'never') report('note', 'keeps no retained messages');
  if (properties.subscriptionIdentifiersAvailable === false) {
    report('note', 'has no subscription identifiers: duplicates from overlapping filters are harder to recognize');
  }
  const { sessionExpiryInterval: expiry, serverKeepAlive } = properties;
  if (expiry !== undefined && expiry < mqtt.sessionExpirySeconds) {
    const what = `keeps a session for ${expiry} s at most, and mqtt.sessionExpirySeconds is ${mqtt.sessionExpirySeconds}: a longer disconnection loses messages`;
    report('warning', what, "raise the broker's limit");
  }
  if (serverKeepAlive !== undefined && serverKeepAlive !== mqtt.keepAliveSeconds) {
    report('note', `sets the keepalive to ${serverKeepAlive} s (mqtt.keepAliveSeconds is ${mqtt.keepAliveSeconds})`);
  }
  const { receiveMaximum = 65_535, maximumPacketSize, maximumQoS = 2 } = properties;
  const size = maximumPacketSize === undefined ? 'no limit' : `${maximumPacketSize} bytes`;
  const available = [
    ...(properties.retainAvailable === false ? [] : ['retained messages']),
    ...(properties.wildcardSubscriptionAvailable === false ? [] : ['wildcards']),
    ...(properties.sharedSubscriptionAvailable === false ? [] : ['shared subscriptions']),
  ];
  report(
    'ok',
    `limits: Receive Maximum ${receiveMaximum}, Maximum Packet Size ${size}, QoS ${maximumQoS}, sessions of ${expiry ?? mqtt.sessionExpirySeconds} s; available: ${available.join(', ') || 'nothing'}`,
  );
  if (maximumPacketSize !== undefined && maximumPacketSize < mqtt.maxPayloadBytes) {
    report('note', `takes no packet above ${maximumPacketSize} bytes: devices cannot publish larger ones`);
  }
  if (maximumQoS === 0)
    report('error', 'delivers at QoS 0 only: messages are lost when a connection is', 'another broker');
}
