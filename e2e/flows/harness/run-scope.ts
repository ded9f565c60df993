import { join } from 'node:path';
import type { BulkWriter, DocumentReference } from '@google-cloud/firestore';
import { createFirestoreClient } from '../../../src/lookup/firestore/client.ts';
import type { Declaration } from '../../../src/resources/declared-resources.ts';
import { provision } from '../../../src/resources/provision.ts';
import { teardown } from '../../../src/resources/teardown.ts';
import { withDeclared } from '../../../src/resources/with-declared.ts';
import { readDeclaration } from '../../../src/services/declaration.ts';
import type { ServiceName } from '../../../src/services/services.ts';
import { namedResources, type RunResources } from '../../../src/tools/demo/run-resources.ts';
import type { Fleet } from '../../../src/tools/load/fleet.ts';

export const PIPELINES = join(import.meta.dirname, '../../../pipelines');

/** The cloud resources of one run of pipelines, all declared by them, with the run's id in every name. */
export interface ScopeOptions {
  readonly pipelines: readonly ServiceName[];
  /** Other names for the resources of the pipelines. */
  readonly env?: (names: RunResources) => Readonly<Record<string, string>>;
  /** Overrides of settings, by pipeline, for example `{ icestore: { DATAFLOW_ARCHIVE__MAX_LINES: '200' } }`. */
  readonly settings?: Partial<Record<ServiceName, Readonly<Record<string, string>>>>;
  /** Adds a subscription to a topic, for tests that look at its messages. */
  readonly watch?: (names: RunResources) => string;
}

/** The resources of a run: named, created, and removed. */
export class RunScope {
  readonly names: RunResources;
  readonly env: Readonly<Record<string, string>>;
  /** Subscription created by `watch`. */
  readonly watched: string;
  readonly #options: ScopeOptions;
  #deviceIds: readonly string[] = [];

  constructor(runId: string, projectId: string, options: ScopeOptions) {
    this.names = namedResources(runId, projectId);
    this.env = { ...this.names.env, MQTT_TOPIC_ROOT: `sites-${runId}`, ...options.env?.(this.names) };
    this.watched = `watch-${runId}`;
    this.#options = options;
  }

  /** The environment of one pipeline. */
  envOf(name: ServiceName): Readonly<Record<string, string>> {
    return { ...this.env, ...this.#options.settings?.[name] };
  }

  /** Resources that the run creates. */
  get declarations(): Declaration[] {
    const { pipelines, watch } = this.#options;
    const declared = pipelines.map((name) =>
      readDeclaration(join(PIPELINES, name), { ...process.env, ...this.envOf(name) }),
    );
    const [first] = declared;
    if (watch === undefined || first === undefined) return declared;
    const settings = { ordering: true, exactlyOnce: false, ackDeadlineSeconds: 60, retentionDays: 1 };
    const subscriptions = [{ ...settings, subscriptionId: this.watched, topicId: watch(this.names) }];
    const own = { ...first.resources, topics: [], subscriptions, buckets: [], datasets: [], tables: [] };
    return [...declared, { owner: first.owner, google: first.google, resources: own }];
  }

  /** Creates everything, and the documents of the given devices. */
  async create(fleet: Fleet, deviceIds: readonly string[]): Promise<void> {
    const steps = await withDeclared(this.declarations, (declared) => provision(declared, { dryRun: false }));
    const strange = steps.filter(({ outcome }) => outcome !== 'created');
    if (strange.length > 0) throw new Error(`not new: ${JSON.stringify(strange)}`);
    this.#deviceIds = deviceIds;
    await this.#eachDevice((writer, device) => {
      void writer.set(device, { ...fleet.recordOf(device.id) });
    });
  }

  /** Removes everything; rejects with a list if something is left. */
  async remove(): Promise<void> {
    await this.#eachDevice((writer, device) => {
      void writer.delete(device);
    });
    const left = (
      await withDeclared(this.declarations, (declared) => teardown(declared, { dryRun: false, withData: true }))
    ).filter(({ outcome }) => outcome !== 'deleted' && outcome !== 'absent');
    if (left.length > 0) throw new Error(`left behind: ${JSON.stringify(left)}`);
  }

  async #eachDevice(work: (writer: BulkWriter, device: DocumentReference) => void): Promise<void> {
    if (this.#deviceIds.length === 0) return;
    const firestore = createFirestoreClient({ projectId: this.names.projectId }, {});
    try {
      const writer = firestore.bulkWriter();
      const devices = firestore.collection(this.names.collection);
      for (const id of this.#deviceIds) work(writer, devices.doc(id));
      await writer.close();
    } finally {
      await firestore.terminate();
    }
  }
}

/** A line for each declared resource. */
export function declaredNames({ resources }: Declaration): string[] {
  return [
    ...resources.topics.map(({ topicId }) => `topic ${topicId}`),
    ...resources.subscriptions.map(({ subscriptionId, topicId }) => `subscription ${subscriptionId} of ${topicId}`),
    ...resources.buckets.map(({ name }) => `bucket ${name}`),
    ...resources.datasets.map(({ datasetId }) => `dataset ${datasetId}`),
    ...resources.tables.map(({ datasetId, tableId }) => `table ${datasetId}.${tableId}`),
  ];
}
