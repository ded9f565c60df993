import { type Declared, isOwn } from './declared-resources.ts';
import type { Kind } from './resource.ts';

/** The result of one resource. */
export interface Step {
  readonly kind: Kind;
  readonly name: string;
  readonly outcome:
    | 'created'
    | 'would create'
    /** Nothing to do. */
    | 'exists'
    /** It exists but differs from its declaration, and is left unchanged. */
    | 'differs'
    | 'deleted'
    | 'would delete'
    /** Nothing to do. */
    | 'absent'
    /** It belongs to another owner, and is left unchanged. */
    | 'not ours'
    /** It is ours, but kept for the given reason. */
    | 'kept';
  readonly detail?: string;
}

export interface ProvisionOptions {
  /** Reports the steps without changing anything. */
  readonly dryRun: boolean;
  readonly onStep?: (step: Step) => void;
}

/**
 * Creates missing resources, in order. Leaves existing ones unchanged, whoever created them, and describes how they
 * differ from the declaration. Safe to repeat.
 */
export async function provision(declared: readonly Declared[], { dryRun, onStep }: ProvisionOptions): Promise<Step[]> {
  const steps: Step[] = [];
  for (const { resource, labels } of declared) {
    const { kind, name } = resource;
    const existing = await resource.look();
    if (existing === undefined && !dryRun) await resource.create(labels);
    const step: Step =
      existing === undefined
        ? { kind, name, outcome: dryRun ? 'would create' : 'created' }
        : existing.differences.length > 0
          ? { kind, name, outcome: 'differs', detail: existing.differences.join('; ') }
          : {
              ...{ kind, name, outcome: 'exists' },
              ...(isOwn(existing.labels, labels) ? {} : { detail: 'created by another owner' }),
            };
    steps.push(step);
    onStep?.(step);
  }
  return steps;
}
