export type ServiceName = 'ingestion' | 'enrich' | 'icestore' | 'bigqueries';

/** Who does a service's work: this project, a client by hand, or the client as its manual shows it. */
export type Implementation = 'ours' | 'bare' | 'plain';

export const SERVICES: readonly ServiceName[] = ['ingestion', 'enrich', 'icestore', 'bigqueries'];
