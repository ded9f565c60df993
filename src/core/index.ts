/** The vocabulary of every graph: messages, deliveries, outcomes, credit and errors. */

export { Credit, type CreditLimits } from './credit.ts';
export { AckHandle, accepted, Delivery, type DeliveryContext, failed, type Outcome, postponed } from './delivery.ts';
export { FatalError, PoisonError, type PoisonReason, RetryableError, toError } from './errors.ts';
export { type Drop, drop } from './hook-result.ts';
export { type Ending, Ledger } from './ledger.ts';
export type { Attributes, EnrichmentData, Message, Original } from './message.ts';
export { keyPath, MessageView, validPath } from './message-path.ts';
export type { MessageTrace } from './message-trace.ts';
export { Probe } from './probe.ts';
export { type Condition, type ConditionSetter, Readiness, type ReadinessReport } from './readiness.ts';
export type { Source } from './source.ts';
export { stoppable } from './stoppable.ts';
