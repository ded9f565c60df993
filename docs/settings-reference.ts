import * as v from 'valibot';
import { isRecord } from '../src/config/interpolate.ts';
import { setting } from '../src/config/schemas.ts';
import { bigqueriesSchema } from '../src/services/bigqueries/config.ts';
import { commonEntries, consumerEntries } from '../src/services/config.ts';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';

type Schema = Readonly<Record<string, unknown>>;
type Entries = Readonly<Record<string, unknown>>;

/** One setting, as the reference shows it. */
export interface SettingRow {
  readonly path: string;
  readonly type: string;
  /** The default, or the meaning of leaving the setting out. */
  readonly preset: string;
  readonly description: string;
  /** Empty for a group of settings. */
  readonly example: string;
  /** False if the schema refuses the example. A file is not looked for. */
  readonly takesExample: boolean;
}

interface Section {
  readonly title: string;
  readonly about: string;
  readonly entries: Entries;
}

const { publish, ...ingestionEntries } = without(ingestionSchema.entries, commonEntries);
const { publish: _, ...enrichEntries } = without(enrichSchema.entries, consumerEntries);
const { resources, ...everyService } = commonEntries;

const SECTIONS: readonly Section[] = [
  { title: 'Every service', about: '', entries: everyService },
  {
    title: 'Services that read Pub/Sub',
    about: 'Settings of enrich, icestore and bigqueries.',
    entries: without(consumerEntries, commonEntries),
  },
  { title: 'ingestion', about: 'MQTT to Pub/Sub.', entries: ingestionEntries },
  { title: 'enrich', about: 'Pub/Sub to Pub/Sub.', entries: enrichEntries },
  {
    title: 'icestore',
    about: 'Pub/Sub to Cloud Storage.',
    entries: without(icestoreSchema.entries, consumerEntries),
  },
  {
    title: 'bigqueries',
    about: 'Pub/Sub to BigQuery.',
    entries: without(bigqueriesSchema.entries, consumerEntries),
  },
  { title: 'Publishing', about: 'Settings of ingestion and enrich.', entries: { publish } },
  {
    title: 'Resources',
    about: 'The commands `provision` and `teardown` read them; services do not. See [provisioning](provisioning.md).',
    entries: { resources },
  },
];

const MEBIBYTE = 1024 * 1024;
/** Bounds that only keep a number within the range of its kind. */
const NO_BOUNDS: ReadonlySet<unknown> = new Set([Number.MAX_SAFE_INTEGER, 2 ** 31 - 1]);

/** The settings of each section, by its title. */
export function settingRows(): ReadonlyMap<string, readonly SettingRow[]> {
  return new Map(SECTIONS.map(({ title, entries }) => [title, entryRows('', entries)]));
}

/** The page docs/settings.md. */
export function settingsPage(): string {
  const rows = settingRows();
  const sections = SECTIONS.map(({ title, about }) => {
    const table = (rows.get(title) ?? []).map(
      ({ path, type, preset, description, example }) =>
        `| \`${path}\` | ${[type, preset, description, example].map(cell).join(' | ')} |`,
    );
    const head = ['| setting | type | default | description | example |', '| --- | --- | --- | --- | --- |'];
    return [`## ${title}`, ...(about === '' ? [] : [about]), [...head, ...table].join('\n')].join('\n\n');
  });
  return `# Settings

\`npm run docs:settings\` writes this page from the schemas. \`<name>\` is a name of your choice, and \`[]\` for each
element of a list. "needed" marks a setting without a default. Sizes are in bytes, and names that end in \`Ms\` are in
milliseconds. See [configuration](configuration.md) for the YAML file, variables and overrides.

${sections.join('\n\n')}
`;
}

function without(entries: Entries, others: Entries): Entries {
  return Object.fromEntries(
    Object.entries(entries).filter(([name]) => !(name in others) || others[name] !== entries[name]),
  );
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function entryRows(prefix: string, entries: Entries): SettingRow[] {
  return Object.entries(entries).flatMap(([name, schema]) =>
    rowsOf(prefix === '' ? name : `${prefix}.${name}`, schema),
  );
}

function rowsOf(path: string, schema: unknown): SettingRow[] {
  const inner = innermost(schema);
  // Takes no value: it is there for its error.
  if (inner.type === 'custom') return [];
  const own = rowOf(path, schema, inner);
  if (notesOf(schema).kind !== undefined) return [own];
  const group = own.description === '' ? [] : [{ ...own, example: '' }];
  if (isRecord(inner.entries)) return [...group, ...entryRows(path, inner.entries)];
  if (inner.type === 'record') {
    const below = rowsOf(`${path}.<name>`, inner.value);
    // A plain value by name: the group describes it.
    return below.length === 1 && below[0]?.path === `${path}.<name>` ? [{ ...own, path: `${path}.<name>` }] : below;
  }
  const branches = optionsOf(inner)
    .map(innermost)
    .filter((option) => isRecord(option.entries));
  if (branches.length > 0) {
    const entries = mergedEntries(inner, branches);
    return inner.type === 'variant' ? entryRows(path, entries) : [own, ...entryRows(path, entries)];
  }
  if (inner.type === 'array' && isGroup(inner.item)) return [...group, ...rowsOf(`${path}[]`, inner.item)];
  return [own];
}

function rowOf(path: string, schema: unknown, inner: Schema): SettingRow {
  const { description = '', example, kind, unset = 'none' } = notesOf(schema);
  const { isOptional, value } = presetOf(schema);
  const isShown = value !== undefined && !(isRecord(value) && Object.keys(value).length === 0);
  const shown = isShown ? literal(value) : '';
  const sample = example ?? (isShown ? value : firstChoice(inner));
  return {
    path,
    type: isGroup(inner) ? 'group' : typeOf(inner, schema),
    preset: isShown ? withUnit(path, shown, value) : isOptional ? unset : 'needed',
    description,
    example: sample === undefined ? '' : literal(sample),
    takesExample: kind === 'file' || sample === undefined || (isGeneric(schema) && v.is(schema, sample)),
  };
}

function firstChoice(inner: Schema): unknown {
  return inner.type === 'literal' ? inner.literal : inner.type === 'picklist' ? optionsOf(inner)[0] : undefined;
}

function withUnit(path: string, shown: string, value: unknown): string {
  const isSize = path.endsWith('Bytes') && typeof value === 'number' && value >= MEBIBYTE && value % MEBIBYTE === 0;
  return isSize ? `${shown} (${value / MEBIBYTE} MiB)` : shown;
}

/** A value as YAML has it on one line. */
function literal(value: unknown): string {
  return `\`${yaml(value)}\``;
}

function yaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yaml).join(', ')}]`;
  if (isRecord(value)) {
    return `{ ${Object.entries(value)
      .map(([name, each]) => `${name}: ${yaml(each)}`)
      .join(', ')} }`;
  }
  return value === '' ? "''" : String(value);
}

function typeOf(inner: Schema, schema: unknown): string {
  const { kind } = notesOf(schema);
  if (kind !== undefined) return kind;
  switch (inner.type) {
    case 'literal':
      return literal(inner.literal);
    case 'picklist':
      return choice(optionsOf(inner).map(literal));
    case 'boolean':
      return '`true` or `false`';
    case 'number':
      return numberType(pipesOf(schema));
    case 'array':
      return `list of: ${typeOf(innermost(inner.item), inner.item)}`;
    case 'union':
      return choice(optionsOf(inner).map((option) => typeOf(innermost(option), option)));
    default:
      return isRecord(inner.entries) ? `\`{ ${Object.keys(inner.entries).join(', ')} }\`` : 'string';
  }
}

function choice(texts: readonly string[]): string {
  const unique = [...new Set(texts)];
  return unique.length < 2 ? unique.join('') : `${unique.slice(0, -1).join(', ')} or ${unique.at(-1)}`;
}

function numberType(pipes: readonly Schema[]): string {
  const bound = (type: string) => pipes.find((item) => item.type === type)?.requirement;
  const min = bound('min_value');
  const max = bound('max_value');
  const shown = (value: unknown) => (typeof value === 'number' ? value.toLocaleString('en-US') : '');
  return NO_BOUNDS.has(max) || max === undefined
    ? `integer, at least ${shown(min)}`
    : `integer, ${shown(min)} to ${shown(max)}`;
}

function isGroup(schema: unknown): boolean {
  const inner = innermost(schema);
  return isRecord(inner.entries) || inner.type === 'variant';
}

/** Entries of all branches of a union. The key of a variant takes the values of all. */
function mergedEntries({ key }: Schema, branches: readonly Schema[]): Entries {
  const all = branches.map(({ entries }) => (isRecord(entries) ? entries : {}));
  const merged: Entries = Object.assign({}, ...all.toReversed());
  if (typeof key !== 'string') return merged;
  const choices = all.flatMap((entries) => innermost(entries[key]).literal ?? []).map(String);
  return { ...merged, [key]: setting(v.picklist(choices), notesOf(merged[key]).description ?? '') };
}

function optionsOf(schema: Schema): readonly unknown[] {
  return Array.isArray(schema.options) ? schema.options : [];
}

interface Notes {
  readonly description?: string;
  readonly kind?: string;
  readonly example?: unknown;
  readonly unset?: string;
}

/** Returns the outermost description, and the metadata of each kind. */
function notesOf(schema: unknown): Notes {
  const notes: Record<string, unknown> = {};
  for (const item of pipesOf(schema)) {
    if (item.type === 'description') notes.description ??= item.description;
    if (item.type !== 'metadata' || !isRecord(item.metadata)) continue;
    for (const [name, value] of Object.entries(item.metadata)) notes[name] ??= value;
  }
  return notes;
}

/** Actions of a schema and of those that it wraps, outermost first. */
function pipesOf(schema: unknown): Schema[] {
  if (!isSchema(schema)) return [];
  const items = Array.isArray(schema.pipe) ? schema.pipe.filter(isSchema) : [];
  const [first, ...rest] = items;
  const below = first === undefined ? pipesOf(schema.wrapped) : pipesOf(first);
  return [...rest.flatMap((item) => (item.kind === 'schema' ? pipesOf(item) : [item])), ...below];
}

function presetOf(schema: unknown): { readonly isOptional: boolean; readonly value: unknown } {
  if (!isSchema(schema)) return { isOptional: false, value: undefined };
  if ('wrapped' in schema) return { isOptional: true, value: schema.default };
  const [first] = Array.isArray(schema.pipe) ? schema.pipe : [];
  return first === undefined ? { isOptional: false, value: undefined } : presetOf(first);
}

/** The schema that decides about the value, behind `optional`, `pipe` and `lazy`. */
function innermost(schema: unknown): Schema {
  if (!isSchema(schema)) return {};
  if (Array.isArray(schema.pipe)) {
    const last = schema.pipe.filter((item) => isSchema(item) && item.kind === 'schema').at(-1);
    return innermost(last);
  }
  if ('wrapped' in schema) return innermost(schema.wrapped);
  return schema;
}

function isSchema(value: unknown): value is Schema {
  return isRecord(value) && 'kind' in value;
}

function isGeneric(value: unknown): value is v.GenericSchema {
  return isSchema(value) && value.kind === 'schema' && '~run' in value;
}
