/** The job of a publisher thread. */
export interface PublisherJob {
  readonly url: string;
  readonly messages: number;
  readonly ratePerSecond: number | undefined;
  readonly fleet: { readonly devices: number; readonly seed: number; readonly runId: string };
}

export type PublisherOrder = 'start' | 'stop';

/** Reports of a publisher thread; `confirmed` counts from the start. */
export type PublisherReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly confirmed: number }
  | { readonly kind: 'end'; readonly confirmed: number }
  | { readonly kind: 'failure'; readonly confirmed: number; readonly message: string };
