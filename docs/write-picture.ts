/** `npm run docs:picture`: draws docs/images/architecture.svg from its source. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { picture } from './picture.ts';

const file = (name: string) => join(import.meta.dirname, 'images', name);
writeFileSync(file('architecture.svg'), picture(readFileSync(file('architecture.yaml'), 'utf8')));
