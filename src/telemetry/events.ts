import type { LevelWithSilent } from 'pino';

interface EventDescription {
  readonly level: Exclude<LevelWithSilent, 'silent'>;
  readonly message: string;
}

const event = (level: EventDescription['level'], message: string): EventDescription => ({ level, message });

/**
 * Everything that a service reports about itself: one name, one log line, one counter
 * (`dataflow_events_total{event="…"}`). Fields go to the log only, so that labels stay bounded.
 */
export const EVENTS = {
  'service.starting': event('info', 'starting'),
  'traces.export_failed': event('warn', 'the collector did not accept spans: these traces are incomplete'),
  'traces.record_failed': event(
    'warn',
    "the provider of OpenTelemetry threw an error: a message's trace is incomplete",
  ),
  'http.address_unwritten': event(
    'warn',
    "HTTP_ADDRESS_FILE cannot be written: a container's health check uses the port in the environment",
  ),
  'service.waiting': event('warn', 'the checks at start cannot be made now, retrying'),
  'service.ready': event('info', 'ready'),
  'service.not_ready': event('warn', 'not ready'),
  'readiness.unwatched': event('error', 'readiness is no longer watched'),
  'service.stopping': event('info', 'stopping: receiving no new messages, finishing those in flight'),
  'service.stopped': event('info', 'stopped'),
  'service.abandoned': event('error', 'the shutdown deadline passed; unsettled messages went back to their source'),
  'service.failed': event('fatal', 'failed'),
  'dead_letter.unconfigured': event(
    'warn',
    'deadLetters is not set: a poisoned message will go back to its source and be redelivered forever',
  ),
  'dead_letter.published': event('warn', 'message went to dead-letter'),
  'dead_letter.postponed': event('warn', 'message failed and went back: it has attempts left'),
  'dead_letter.given_back': event(
    'warn',
    'the poisoned message went back for redelivery: its dead letter cannot be published now, or is out of turn',
  ),
  'dead_letter.retried': event('error', 'a dead letter could not be published or stored, retrying'),
  'dead_letter.unread': event(
    'warn',
    'the dead-letter topic has no subscription: dead letters are lost immediately; create a subscription, and name it in deadLetters.subscriptionId',
  ),
  'dead_letter.refused': event(
    'error',
    'no dead-letter topic is configured: the poisoned message went back and will loop',
  ),
  'mqtt.connected': event('info', 'connected to the broker'),
  'mqtt.disconnected': event('warn', 'connection to the broker lost, reconnecting'),
  'mqtt.error': event('warn', 'broker or connection error'),
  'mqtt.session_lost': event(
    'warn',
    'the broker has lost the session: unacknowledged messages expired, and messages from the meantime are lost',
  ),
  'mqtt.session_shortened': event(
    'warn',
    'the broker keeps the session for less time than mqtt.sessionExpirySeconds requests: later messages are lost',
  ),
  'mqtt.session_taken_over': event(
    'error',
    'another client has connected with the same id: give each its own mqtt.clientId',
  ),
  'mqtt.connections_cut': event(
    'error',
    'the broker ends connections soon after it accepts them: it may refuse a packet (see subackReceived and mqtt.maxFiltersPerSubscribe), or two clients have one id: give each its own mqtt.clientId',
  ),
  'mqtt.subscribed': event('info', 'subscribed'),
  'mqtt.unsubscribed': event('info', 'unsubscribed'),
  'mqtt.subscribe_refused': event('error', 'the broker refused a subscription, retrying'),
  'mqtt.qos_granted_lower': event(
    'warn',
    'the broker granted QoS 0 instead of 1: messages that arrive while the service is down, or are in flight when it stops, are lost',
  ),
  'mqtt.unsubscribe_refused': event('warn', 'the broker refused to end a subscription: its messages keep arriving'),
  'mqtt.qos_lowered': event('warn', 'QoS 2 is subscribed at QoS 1: at least once'),
  'mqtt.retained_left_out': event('debug', 'a retained message was left out because of mqtt.retained'),
  'mqtt.copy_dropped': event('debug', 'a second copy of a message, from another subscription, was dropped'),
  'mqtt.paused': event('debug', 'credit is used up, the connection is paused'),
  'mqtt.no_tls': event('error', "the broker's port does not seem to use TLS, retrying"),
  'mqtt.properties_left_out': event(
    'warn',
    'properties of a message did not fit with its attributes (100 of 1,024 bytes) or into a request, and were left out',
  ),
  'routes.changed': event('info', 'routes changed'),
  'routes.refused': event('error', 'the changed routes were refused; the running ones stay'),
  'routes.unchanged': event('info', 'the edit does not change the routes'),
  'routes.postponed': event('warn', 'the changed routes wait: their topics cannot be checked now, retrying'),
  'routes.polled': event(
    'warn',
    'the system does not watch the configuration (too few inotify instances or watches?): polling for edits every two seconds',
  ),
  'routes.unwatched': event('error', 'the configuration is no longer watched: edits take effect after a restart'),
  'config.needs_restart': event('warn', 'the edit changes settings that take effect only after a restart'),
  'pubsub.stream_opened': event('info', 'receiving from the subscription'),
  'pubsub.stream_lost': event('warn', 'the stream ended, reconnecting'),
  'pubsub.lease_expired': event('warn', 'leases expired: these messages will be delivered again'),
  'pubsub.ack_retried': event('warn', 'acknowledging failed, retrying'),
  'pubsub.ack_failed': event('error', 'acknowledging finally failed: these messages will be delivered again'),
  'pubsub.ack_late': event('warn', 'the lease ended before the acknowledgment: these messages are delivered again'),
  'hook.retried': event('warn', 'a hook reported an outage or timed out; calling it again'),
  'source.stalled': event('error', 'receiving is stalled: the messages in flight wait for a failing target'),
  'publish.retried': event('warn', 'publishing failed, retrying'),
  'publish.failed': event('error', 'publishing finally failed, the messages go back'),
  'publish.attributes_left_out': event(
    'warn',
    "attributes that Pub/Sub reserves (goog…) were left out: it adds them to a topic's messages, and accepts none from publishers",
  ),
  'insert.retried': event('warn', 'inserting rows failed, retrying'),
  'insert.failed': event('error', 'inserting rows finally failed, the messages go back'),
  'upload.retried': event('warn', 'uploading failed, retrying'),
  'upload.failed': event('error', 'uploading finally failed, the messages go back'),
  'upload.small': event(
    'warn',
    'objects stay small, and each costs requests: raise archive.maxAgeMs or source.maxInFlight, or choose a coarser batch key',
  ),
  'upload.existed': event('info', 'the object already exists: an earlier upload had succeeded'),
  'upload.renamed': event(
    'warn',
    'the object got another name: its own is taken, or the existing object may not be read (storage.objects.get)',
  ),
  'cache.skipped': event('warn', 'a cache layer failed and was skipped'),
  'lookup.retried': event('warn', 'the lookup failed, retrying'),
  'lookup.failed': event('error', 'the lookup finally failed, the message goes back'),
  'resource.created': event('info', 'created'),
  'check.skipped': event('warn', 'a check at start was skipped: this identity lacks the permission for it'),
  'table.mismatched': event('error', 'the table refuses configured columns; their rows wait'),
} as const satisfies Record<string, EventDescription>;

export type EventName = keyof typeof EVENTS;
