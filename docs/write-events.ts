/** `npm run docs:events`: writes docs/events.md. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventsPage } from './events-reference.ts';

writeFileSync(join(import.meta.dirname, 'events.md'), eventsPage());
