/** `npm run docs:dashboard`: writes deploy/grafana/dashboard.json. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboard } from './dashboard.ts';

writeFileSync(join(import.meta.dirname, '../deploy/grafana/dashboard.json'), dashboard());
