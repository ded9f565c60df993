/** The life of a service, and the parts that a service of your own is built from. The four services have entries of their own. */

export { ConfigError, type ConfigIssue } from '../config/config-error.ts';
export { type CommonConfig, commonEntries, consumerEntries } from './config.ts';
export { type DeadLetterSink, openDeadLetterSink } from './dead-letter-sink.ts';
export { defineService, type GraphParts, type ServiceDefinition, type ServiceOpening } from './define-service.ts';
export { toPublishTarget } from './enrich/publish-target.ts';
export { createPipelineService, loadPipeline, type Pipeline, readPipelineConfig } from './pipeline.ts';
export { openPubSubInput, type PubSubInput } from './pubsub-input.ts';
export { openPubSubOutput, type PubSubOutput } from './pubsub-output.ts';
export { runService } from './run-service.ts';
export { createService, type Service, type ServiceParts, type ShutdownReport } from './service.ts';
export {
  type CommonDependencies,
  type CommonProbes,
  type InFlightLimits,
  openServiceContext,
  type ServiceContext,
} from './service-context.ts';
