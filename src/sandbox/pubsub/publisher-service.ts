import type { protos } from '@google-cloud/pubsub';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { encodePublishResponse } from './message-id.ts';
import { page } from './page.ts';
import { decodePublishRequest, type PublishRequest } from './publish-codec.ts';
import { projectOf } from './resource-name.ts';
import { decoded, invalidArgument, unary, unimplemented } from './rpc.ts';
import type { TopicSettings, Topics } from './topics.ts';
import { maskedFields } from './update-mask.ts';

type GetTopic = protos.google.pubsub.v1.IGetTopicRequest;
type ListTopics = protos.google.pubsub.v1.IListTopicsRequest;
type UpdateTopic = protos.google.pubsub.v1.IUpdateTopicRequest;
type ListTopicSubscriptions = protos.google.pubsub.v1.IListTopicSubscriptionsRequest;

const FIELDS = {
  message: 'Topic',
  mutable: ['labels', 'message_retention_duration', 'message_storage_policy', 'tags'],
  immutable: ['name', 'kms_key_name', 'schema_settings', 'ingestion_data_source_settings', 'state'],
} as const;

/** What was asked for; throws for what is not implemented here. */
function topicSettings(asked: TopicSettings): TopicSettings {
  if (asked.schemaSettings) throw unimplemented('topics with a schema');
  if (asked.kmsKeyName) throw unimplemented('topics encrypted with a key of Cloud KMS');
  if (asked.ingestionDataSourceSettings) throw unimplemented('import topics');
  if (asked.messageTransforms?.length) throw unimplemented('message transforms');
  return { ...asked, state: 'ACTIVE' };
}

/** google.pubsub.v1.Publisher; what is not listed answers UNIMPLEMENTED. */
export function publisherService(topics: Topics): UntypedServiceImplementation {
  return {
    CreateTopic: unary(
      decoded<TopicSettings>,
      (request) => request.name,
      (name, request) => topics.createTopic(name, topicSettings(request)),
    ),
    GetTopic: unary(
      decoded<GetTopic>,
      (request) => request.topic,
      (name) => topics.topic(name).settings,
    ),
    UpdateTopic: unary(
      decoded<UpdateTopic>,
      (request) => request.topic?.name,
      (name, { topic: changed, updateMask }) => {
        const topic = topics.topic(name);
        topic.settings = topicSettings(maskedFields(FIELDS, topic.settings, changed ?? {}, updateMask?.paths ?? []));
        return topic.settings;
      },
    ),
    ListTopics: unary(
      decoded<ListTopics>,
      (request) => request.project,
      (name, request) => {
        const project = projectOf(name);
        const all = Array.from(topics.topics.values(), (topic) => topic.settings);
        const own = all.filter((topic) => projectOf(topic.name ?? '') === project);
        const [found, nextPageToken] = page(own, (topic) => topic.name ?? '', request);
        return { topics: found, nextPageToken };
      },
    ),
    ListTopicSubscriptions: unary(
      decoded<ListTopicSubscriptions>,
      (request) => request.topic,
      (name, request) => {
        const [subscriptions, nextPageToken] = page(topics.topic(name).subscriptions.keys(), String, request);
        return { subscriptions, nextPageToken };
      },
    ),
    DeleteTopic: unary(
      decoded<GetTopic>,
      (request) => request.topic,
      (name) => {
        topics.deleteTopic(name);
        return {};
      },
    ),
    Publish: unary(
      decodePublishRequest,
      (request: PublishRequest) => request.topic,
      (name, request) => {
        const topic = topics.topic(name);
        if (request.violation !== undefined) throw invalidArgument(request.violation);
        return encodePublishResponse(topics.publish(topic, request), request.messages.length);
      },
    ),
  };
}
