import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SERVICE_NAMES, type ServiceName } from '../../src/services/services.ts';

/** The implementation of a service: this project, a client by hand, or the client as its manual shows it. */
export type Implementation = 'ours' | 'bare' | 'plain';

/** The services that are measured: those that have a subject. */
export const SERVICES: readonly ServiceName[] = SERVICE_NAMES.filter((name) =>
  existsSync(join(import.meta.dirname, '../subjects', `${name}.ts`)),
);
