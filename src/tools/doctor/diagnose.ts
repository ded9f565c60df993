import { createBigQueryClient } from '../../connectors/bigquery/client.ts';
import { checkCredentials, type GoogleApi } from '../../connectors/google/credentials.ts';
import { createPubSubClients, type PubSubClients } from '../../connectors/pubsub/client.ts';
import { createStorageClient } from '../../connectors/storage/client.ts';
import { toError } from '../../core/errors.ts';
import { type Declared, declaredResources } from '../../resources/declared-resources.ts';
import { declarationOf } from '../../services/declaration.ts';
import { type Pipeline, pipelineWarnings } from '../../services/pipeline.ts';
import { datasetCheck, type ExaminedTable, tableCheck } from './check-bigquery.ts';
import { clockCheck } from './check-clock.ts';
import { collectionCheck } from './check-firestore.ts';
import { brokerCheck } from './check-mqtt.ts';
import { subscriptionCheck, topicCheck } from './check-pubsub.ts';
import { redisCheck } from './check-redis.ts';
import { bucketCheck } from './check-storage.ts';
import { creationOf } from './creation-of.ts';
import type { Check, Finding } from './finding.ts';
import { runChecks } from './run-checks.ts';

export interface DiagnoseOptions {
  /** Time limit of each check; all run concurrently. */
  readonly timeLimitMs: number;
  readonly onFinding?: (finding: Finding) => void;
  /** The clock of this machine, in milliseconds since 1970. */
  readonly now?: () => number;
}

/**
 * Connects to everything that a pipeline names, and returns what is missing, denied, or configured so that messages
 * wait or are lost. Changes nothing, and does not disturb running services.
 */
export async function diagnose(pipeline: Pipeline, options: DiagnoseOptions): Promise<Finding[]> {
  const { timeLimitMs, onFinding, now = Date.now } = options;
  const { config, hooks } = pipeline;
  const apis = apisOf(pipeline);
  const closing: (() => Promise<void>)[] = [];
  const clock = clockCheck(apis, now);
  const checks: Check[] = [
    {
      part: 'configuration',
      run: async (report) => {
        for (const warning of pipelineWarnings(config, hooks)) report('warning', warning, 'docs/settings.md');
        report('ok', 'valid');
      },
    },
    ...(clock === undefined ? [] : [clock]),
    ...serverChecks(pipeline),
  ];
  const withCredentials = async (): Promise<Finding[]> => {
    let pubsub: PubSubClients | undefined;
    const credentials: Check = {
      part: 'credentials',
      run: async (report) => {
        try {
          await checkCredentials(config.google, apis);
          pubsub = await createPubSubClients(config.google);
        } catch (thrown) {
          report('error', toError(thrown).message);
        }
      },
    };
    const refused = await runChecks([credentials], timeLimitMs, onFinding);
    if (pubsub === undefined) return refused;
    const { close } = pubsub;
    closing.push(close);
    return runChecks(cloudChecks(pipeline, pubsub), timeLimitMs, onFinding);
  };
  try {
    const [others, cloud] = await Promise.all([runChecks(checks, timeLimitMs, onFinding), withCredentials()]);
    return [...others, ...cloud];
  } finally {
    // Clients of a silent server may not close.
    await Promise.race([Promise.allSettled(closing.map((close) => close())), delay(500)]);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function apisOf({ config }: Pipeline): GoogleApi[] {
  return [
    'pubsub',
    ...('bucket' in config || config.deadLetters?.bucket !== undefined ? (['storage'] as const) : []),
    ...('table' in config ? (['bigquery'] as const) : []),
    ...('lookup' in config && config.lookup.firestore !== undefined ? (['firestore'] as const) : []),
  ];
}

/** Checks of servers that are not Google's. */
function serverChecks({ config, hooks }: Pipeline): Check[] {
  if ('mqtt' in config) {
    const filters = Object.values(config.routes).map(({ source }) => source.mqtt_topic);
    return [brokerCheck({ mqtt: config.mqtt, filters })];
  }
  if (!('lookup' in config) || config.lookup.redis === undefined) return [];
  const { redis, firestore } = config.lookup;
  return [redisCheck(redis, firestore !== undefined || hooks.fetcher !== undefined)];
}

function cloudChecks(pipeline: Pipeline, pubsub: PubSubClients): Check[] {
  const { config, hooks } = pipeline;
  const { google, deadLetters } = config;
  const { projectId } = google;
  const storage = createStorageClient(google);
  const bigquery = createBigQueryClient(google);
  const topic = (topicId: string, setting: string, needsReader = false): Check => {
    const remedy = creationOf(pipeline, { kind: 'topic', name: topicId });
    return topicCheck(pubsub, projectId, { topicId, setting, remedy, needsReader });
  };
  const bucket = (name: string, setting: string, isCreated: boolean): Check =>
    bucketCheck(storage, { name, setting, isCreated, remedy: creationOf(pipeline, { kind: 'bucket', name }) });
  const checks: Check[] = [];
  if ('source' in config) {
    const { subscriptionId } = config.source;
    checks.push(
      subscriptionCheck(pubsub, projectId, {
        ...{ subscriptionId, setting: 'source.subscriptionId' },
        remedy: creationOf(pipeline, { kind: 'subscription', name: subscriptionId }),
        topicId: config.resources?.subscriptions.find((each) => each.subscriptionId === subscriptionId)?.topicId,
        order: config.service === 'enrich' ? 'kept' : 'none',
        maxAttempts: config.deadLetters?.maxAttempts ?? 1,
      }),
    );
  }
  if ('producers' in config) {
    const topicIds = new Map(
      Object.entries(config.producers).map(([name, { outputTopicId }]) => [outputTopicId, name]),
    );
    for (const [topicId, name] of topicIds) checks.push(topic(topicId, `producers.${name}.outputTopicId`));
  }
  if ('output' in config) checks.push(topic(config.output.topicId, 'output.topicId'));
  if ('bucket' in config) checks.push(bucket(config.bucket.name, 'bucket.name', config.bucket.create));
  if ('table' in config) {
    const { table } = config;
    const examined = (kind: 'dataset' | 'table', name: string): ExaminedTable => ({
      ...{ table, hasHook: hooks.transformer !== undefined, remedy: creationOf(pipeline, { kind, name }) },
    });
    checks.push(datasetCheck(bigquery, examined('dataset', table.datasetId)));
    checks.push(tableCheck(bigquery, examined('table', `${table.datasetId}.${table.tableId}`)));
  }
  if ('lookup' in config && config.lookup.firestore !== undefined) {
    checks.push(collectionCheck(google, config.lookup.firestore));
  }
  if (deadLetters !== undefined) {
    checks.push(topic(deadLetters.topicId, 'deadLetters.topicId', true));
    const { subscriptionId } = deadLetters;
    if (subscriptionId !== undefined) {
      checks.push(
        subscriptionCheck(pubsub, projectId, {
          ...{ subscriptionId, setting: 'deadLetters.subscriptionId', topicId: deadLetters.topicId, maxAttempts: 1 },
          remedy: creationOf(pipeline, { kind: 'subscription', name: subscriptionId }),
        }),
      );
    }
    if (deadLetters.bucket !== undefined) checks.push(bucket(deadLetters.bucket, 'deadLetters.bucket', false));
  }
  const declaration = declarationOf(pipeline.file, config);
  if (declaration === undefined) return checks;
  const known = new Set(checks.map(({ part }) => part));
  const declared = declaredResources({ pubsub, storage, bigquery }, [declaration]);
  return [...checks, ...declared.map((each) => declaredCheck(pipeline, each, known))];
}

/** Compares a declared resource with what exists. If another check covers it, it is not reported as missing twice. */
function declaredCheck(pipeline: Pipeline, { resource }: Declared, known: ReadonlySet<string>): Check {
  const { kind } = resource;
  const name = resource.name.split('/').at(-1) ?? resource.name;
  const short = kind === 'table' ? name.split(/[.:]/).slice(-2).join('.') : (name.split(/[.:]/).at(-1) ?? name);
  const part = `${kind} ${short}`;
  return {
    part,
    run: async (report) => {
      const found = await resource.look();
      if (found === undefined) {
        if (!known.has(part)) {
          report(
            'error',
            `does not exist, and is declared under resources`,
            creationOf(pipeline, { kind, name: short }),
          );
        }
        return;
      }
      if (!known.has(part)) report('ok', 'exists, as declared under resources');
      for (const difference of found.differences) {
        report(
          'warning',
          `${difference} (resources.${kind}s)`,
          'change it or its declaration: provision does not change it',
        );
      }
    },
  };
}
