/** Pipeable RxJS operators over deliveries. Each settles what it does not pass on. */

export { applyHook, HOOK_RETRY, type HookAnswer, type HookOptions, hooksSchema } from './apply-hook.ts';
export { type BatchIntoOptions, batchInto, type Slot } from './batch-into.ts';
export type { Batch, BatchItem, BatchLimits } from './batcher.ts';
export { byCredit } from './by-credit.ts';
export { decodeInput, type InputMode, inputSchema } from './decode-input.ts';
export type { FailingTargetsView } from './failing-targets.ts';
export { filterMessages } from './filter-messages.ts';
export { mapMessage } from './map-message.ts';
export { type OrderedByKeyOptions, type OrderedEffect, orderedByKey } from './ordered-by-key.ts';
export { type RetryHooks, type RetryPolicy, retrySchema, retryWithBackoff } from './retry.ts';
export { settle } from './settle.ts';
