/** `npm run docs:settings`: writes docs/settings.md. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsPage } from './settings-reference.ts';

writeFileSync(join(import.meta.dirname, 'settings.md'), settingsPage());
