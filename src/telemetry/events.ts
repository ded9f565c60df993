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
  'http.address_unwritten': event(
    'warn',
    'HTTP_ADDRESS_FILE cannot be written: the health check of a container takes the port of the environment',
  ),
  'service.waiting': event('warn', 'what the service needs at start cannot be checked now, trying again'),
  'service.ready': event('info', 'ready'),
  'service.not_ready': event('warn', 'not ready'),
  'readiness.unwatched': event('error', 'readiness is not watched any more'),
  'service.stopping': event('info', 'stopping: no new messages, finishing what is in flight'),
  'service.stopped': event('info', 'stopped'),
  'service.abandoned': event('error', 'the shutdown deadline passed; unsettled messages went back to their source'),
  'service.failed': event('fatal', 'failed'),
  'dead_letter.unconfigured': event(
    'warn',
    'deadLetters is not set: a poisoned message will go back to its source, and come again forever',
  ),
  'dead_letter.published': event('warn', 'message went to dead-letter'),
  'dead_letter.postponed': event('warn', 'message failed and went back: it has attempts left'),
  'dead_letter.given_back': event(
    'warn',
    'the poisoned message went back, to come again: its dead letter cannot be published now, or is out of turn',
  ),
  'dead_letter.retried': event('error', 'a dead letter could not be published or stored, trying again'),
  'dead_letter.unread': event(
    'warn',
    'nobody is subscribed to the dead-letter topic: dead letters vanish at once; create a subscription, and name it in deadLetters.subscriptionId',
  ),
  'dead_letter.refused': event(
    'error',
    'no dead-letter topic is configured: the poisoned message went back, and will loop',
  ),
  'mqtt.connected': event('info', 'connected to the broker'),
  'mqtt.disconnected': event('warn', 'connection to the broker lost, reconnecting'),
  'mqtt.error': event('warn', 'broker or connection error'),
  'mqtt.session_lost': event(
    'warn',
    'the broker has lost the session: unacknowledged messages expired, and what came meanwhile is gone',
  ),
  'mqtt.session_shortened': event(
    'warn',
    'the broker keeps the session for a shorter time than mqtt.sessionExpirySeconds asks for: what comes later is lost',
  ),
  'mqtt.session_taken_over': event(
    'error',
    'another client has connected under the same id: give each its own mqtt.clientId',
  ),
  'mqtt.connections_cut': event(
    'error',
    'the broker ends connections soon after it accepts them: it may refuse what it is sent (see subackReceived and mqtt.maxFiltersPerSubscribe), or two clients have one id: give each its own mqtt.clientId',
  ),
  'mqtt.subscribed': event('info', 'subscribed'),
  'mqtt.unsubscribed': event('info', 'unsubscribed'),
  'mqtt.subscribe_refused': event('error', 'the broker refused a subscription, asking again'),
  'mqtt.qos_granted_lower': event(
    'warn',
    'the broker granted QoS 0 where 1 was asked: what comes while the service is away, or is in flight when it ends, is lost',
  ),
  'mqtt.unsubscribe_refused': event('warn', 'the broker refused to end a subscription: its messages go on coming'),
  'mqtt.qos_lowered': event('warn', 'QoS 2 is subscribed at QoS 1: at least once'),
  'mqtt.retained_left_out': event('debug', 'a retained message was left out, as mqtt.retained says'),
  'mqtt.copy_dropped': event('debug', 'a second copy of a message, by another subscription, was dropped'),
  'mqtt.paused': event('debug', 'credit used up, the connection is held'),
  'mqtt.no_tls': event('error', 'the port of the broker does not seem to speak TLS, trying again'),
  'mqtt.properties_left_out': event(
    'warn',
    'properties of a message did not fit beside its attributes (100 of 1,024 bytes) or into a request, and were left out',
  ),
  'routes.changed': event('info', 'routes changed'),
  'routes.refused': event('error', 'the changed routes were refused; the running ones stay'),
  'routes.unchanged': event('info', 'the edit leaves the routes as they are'),
  'routes.postponed': event('warn', 'the changed routes wait: their topics cannot be checked now, trying again'),
  'routes.polled': event(
    'warn',
    'the system does not watch the configuration (too few inotify instances or watches?): edits are looked for every two seconds',
  ),
  'routes.unwatched': event('error', 'the configuration is not watched any more: edits count after a restart'),
  'config.needs_restart': event('warn', 'the edit changes settings that count only after a restart'),
  'pubsub.stream_opened': event('info', 'receiving from the subscription'),
  'pubsub.stream_lost': event('warn', 'the stream ended, reconnecting'),
  'pubsub.lease_expired': event('warn', 'leases expired: these messages will be delivered again'),
  'pubsub.ack_retried': event('warn', 'acknowledging failed, trying again'),
  'pubsub.ack_failed': event('error', 'acknowledging failed for good: these messages will be delivered again'),
  'pubsub.ack_late': event('warn', 'the lease was over before the acknowledgement: these messages are delivered again'),
  'hook.retried': event('warn', 'a hook failed as in an outage, or did not answer in time; calling it again'),
  'source.stalled': event('error', 'nothing more is received: what is in flight waits for a target that fails'),
  'publish.retried': event('warn', 'publishing failed, trying again'),
  'publish.failed': event('error', 'publishing failed for good, the messages go back'),
  'publish.attributes_left_out': event(
    'warn',
    "attributes that Pub/Sub keeps for itself (goog…) were left out: it adds them to a topic's messages, and takes none from others",
  ),
  'insert.retried': event('warn', 'inserting rows failed, trying again'),
  'insert.failed': event('error', 'inserting rows failed for good, the messages go back'),
  'upload.retried': event('warn', 'uploading failed, trying again'),
  'upload.failed': event('error', 'uploading failed for good, the messages go back'),
  'upload.small': event(
    'warn',
    'objects stay small, and each costs requests: raise archive.maxAgeMs or source.maxInFlight, or choose a coarser batch key',
  ),
  'upload.existed': event('info', 'the object was there already: an earlier upload had succeeded'),
  'upload.renamed': event(
    'warn',
    'the object has a name of its own: another one has its name, or it may not be read (storage.objects.get)',
  ),
  'cache.skipped': event('warn', 'a cache layer failed and was skipped'),
  'lookup.retried': event('warn', 'the lookup failed, trying again'),
  'lookup.failed': event('error', 'the lookup failed for good, the message goes back'),
  'resource.created': event('info', 'created'),
  'check.skipped': event('warn', 'a check at start was skipped: this identity lacks the permission for it'),
  'table.mismatched': event('error', 'the table refuses configured columns; their rows wait'),
} as const satisfies Record<string, EventDescription>;

export type EventName = keyof typeof EVENTS;
