/**
 * The service life cycle, and the parts for building your own service. The four services have their own entry points.
 */

export { ConfigError, type ConfigIssue } from '../config/config-error.ts';
export { type CommonConfig, commonEntries, consumerEntries } from './config.ts';
export { type DeadLetterSink, openDeadLetterSink } from './dead-letter-sink.ts';
export { defineService, type GraphParts, type ServiceDefinition, type ServiceOpening } from './define-service.ts';
export { toPublishTarget } from './enrich/publish-target.ts';
export { createPipelineService, loadPipeline, type Pipeline, readPipelineConfig } from './pipeline.ts';
export { type PlatformPageOptions, servePlatformPage } from './platform-page.ts';
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
