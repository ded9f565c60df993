import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SERVICE_NAMES, type ServiceName } from '../../src/services/services.ts';

/** The implementation of a service: this project, a hand-written client, or the client as in its manual. */
export type Implementation = 'ours' | 'bare' | 'plain';

/** The measured services: those with a subject. */
export const SERVICES: readonly ServiceName[] = SERVICE_NAMES.filter((name) =>
  existsSync(join(import.meta.dirname, '../subjects', `${name}.ts`)),
);
