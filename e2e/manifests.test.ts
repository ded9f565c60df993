import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Service as CloudRunService } from '@kubernetes-models/knative/serving.knative.dev/v1';
import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { Job } from 'kubernetes-models/batch/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Namespace, Service, ServiceAccount } from 'kubernetes-models/v1';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { at, documentsOf, kustomize, listAt, type Manifest, nameOf } from '../deploy/manifests.ts';
import { isRecord } from '../src/config/interpolate.ts';
import { freePort } from '../src/sandbox/free-port.ts';
import { startSandbox } from '../src/sandbox/sandbox.ts';
import { loadPipeline } from '../src/services/pipeline.ts';
import { builtInPipeline } from '../src/testing/cli.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { testScope } from '../src/testing/scope.ts';
import { suite } from '../src/testing/suite.ts';
import { SERVICES } from '../src/testing/test-run.ts';

const ROOT = join(import.meta.dirname, '..');
const DEPLOY = join(ROOT, 'deploy');
const KUBERNETES = join(DEPLOY, 'kubernetes');
/** From SIGTERM to SIGKILL. */
const CLOUD_RUN_GRACE_MS = 10_000;
/** A process ends at most this long after its deadline. */
const END_MS = 2_000;

const MODELS: Readonly<Record<string, new (data: never) => { validate(): void }>> = {
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  Service,
  ServiceAccount,
  StatefulSet,
};
/** Variables of the process and of the Google clients, which no pipeline names. */
const OF_THE_PROCESS = /^(?:PIPELINE|NODE_OPTIONS|METADATA_SERVER_DETECTION|\w+_EMULATOR_HOST)$/;
const WORKLOADS: ReadonlySet<unknown> = new Set(['Deployment', 'StatefulSet', 'Job']);

/** Variables that the shipped pipelines read. */
const PLACEHOLDERS = new Set(
  SERVICES.flatMap((name) => {
    const yaml = readFileSync(join(builtInPipeline(name), 'pipeline.yaml'), 'utf8');
    return Array.from(yaml.matchAll(/\$\{(\w+)/g), ([, variable = '']) => variable);
  }),
);

function assertValid(model: (new (data: never) => { validate(): void }) | undefined, manifest: Manifest): void {
  assert.ok(model !== undefined, `${nameOf(manifest)} has a schema`);
  try {
    new model(manifest as never).validate();
  } catch (error) {
    throw new Error(`${nameOf(manifest)}: ${error instanceof Error ? error.message : error}`);
  }
}

suite('manifests', (it) => {
  const { test } = it;
  const scope = testScope(it);
  const built = ['base', 'overlays/example', 'decommission'].map((folder) => ({
    folder,
    manifests: kustomize(join(KUBERNETES, folder)),
  }));
  const everything = built.flatMap(({ manifests }) => manifests);
  const cloudRun = globSync('deploy/cloud-run/*.yaml', { cwd: ROOT }).flatMap((path) => documentsOf(join(ROOT, path)));
  const configOf = (manifests: readonly Manifest[]) =>
    manifests.find(({ kind }) => kind === 'ConfigMap') ?? built[0]?.manifests.find(({ kind }) => kind === 'ConfigMap');

  /** The environment of a container, with files in place of mounted secrets. */
  const environmentOf = (container: unknown, config: unknown): Record<string, string> => {
    const file = pipelineFolder(scope).file('secret', 'secret');
    const shared = isRecord(config) ? Object.entries(config) : [];
    const own = listAt(container, 'env').map(({ name, value, valueFrom }) => {
      const text = valueFrom === undefined ? String(value) : 'pod-0';
      return [String(name), text.startsWith('/run/secrets/') ? file : text] as const;
    });
    return Object.fromEntries([...shared.map(([name, value]) => [name, String(value)] as const), ...own]);
  };
  /** Loads the container's pipeline with its environment, and returns its shutdown deadline. */
  const deadlineOf = async (env: Record<string, string>): Promise<number> => {
    const unread = Object.keys(env).filter(
      (name) => !PLACEHOLDERS.has(name) && !name.startsWith('DATAFLOW_') && !OF_THE_PROCESS.test(name),
    );
    assert.equal(unread, [], 'variables that no pipeline reads');
    const { config } = await loadPipeline(builtInPipeline(env.PIPELINE ?? ''), env);
    return config.shutdown.deadlineMs;
  };

  test('have the fields of their kinds', () => {
    assert.ok(everything.length > 30, `${everything.length} manifests`);
    for (const manifest of everything) assertValid(MODELS[String(manifest.kind)], manifest);
    assert.is(cloudRun.length, 3);
    for (const manifest of cloudRun) assertValid(CloudRunService, manifest);
  });

  test('are all part of a kustomization', () => {
    const files = globSync('**/*.yaml', { cwd: KUBERNETES }).filter((file) => !file.endsWith('kustomization.yaml'));
    const named = globSync('**/kustomization.yaml', { cwd: KUBERNETES }).flatMap((path) => {
      const [{ resources = [], patches = [] } = {}] = documentsOf(join(KUBERNETES, path));
      const paths = [resources, Array.isArray(patches) ? patches.map((patch) => at(patch, 'path')) : []].flat();
      return paths.map((file) => join(path, '..', String(file)));
    });
    assert.equal(
      files.filter((file) => !named.includes(file)),
      [],
    );
  });

  test('select their own pods, and refer to what exists', () => {
    for (const { folder, manifests } of built) {
      const pods = manifests.filter(({ kind }) => WORKLOADS.has(kind));
      const labelsOf = (workload: Manifest) => JSON.stringify(at(workload, 'spec.template.metadata.labels'));
      const assertSelects = (manifest: Manifest, selector: unknown) => {
        const wanted = isRecord(selector) ? Object.entries(selector) : [];
        const found = pods.filter((pod) =>
          wanted.every(([key, value]) =>
            at(pod, 'spec.template.metadata')
              ? labelsOf(pod).includes(`${JSON.stringify(key)}:${JSON.stringify(value)}`)
              : false,
          ),
        );
        assert.ok(wanted.length > 0 && found.length > 0, `${folder}: ${nameOf(manifest)} selects pods`);
      };
      for (const manifest of manifests) {
        const { kind } = manifest;
        if (kind === 'Service') assertSelects(manifest, at(manifest, 'spec.selector'));
        if (['Deployment', 'StatefulSet', 'PodDisruptionBudget'].includes(String(kind))) {
          assertSelects(manifest, at(manifest, 'spec.selector.matchLabels'));
        }
        if (kind === 'NetworkPolicy' && at(manifest, 'spec.podSelector.matchLabels') !== undefined) {
          assertSelects(manifest, at(manifest, 'spec.podSelector.matchLabels'));
        }
        if (kind === 'HorizontalPodAutoscaler') {
          const target = `${at(manifest, 'spec.scaleTargetRef.kind')}/${at(manifest, 'spec.scaleTargetRef.name')}`;
          assert.is(target, `Deployment/${at(manifest, 'metadata.name')}`);
          assert.ok(
            manifests.some((each) => nameOf(each) === target && at(each, 'spec.replicas') === undefined),
            target,
          );
        }
      }
      for (const pod of pods) {
        const account = `ServiceAccount/${at(pod, 'spec.template.spec.serviceAccountName')}`;
        assert.ok(
          everything.some((each) => nameOf(each) === account),
          account,
        );
        const volumes = listAt(pod, 'spec.template.spec.volumes').map(({ name }) => name);
        const mounts = listAt(pod, 'spec.template.spec.containers.0.volumeMounts').map(({ name }) => name);
        assert.equal(mounts, volumes, nameOf(pod));
      }
    }
  });

  test('run ingestion with a stable client id and without an autoscaler', () => {
    for (const { manifests } of built.slice(0, 2)) {
      const [ingestion, ...others] = manifests.filter(
        (each) => at(each, 'metadata.name') === 'ingestion' && /Set|Deployment|Autoscaler/.test(String(each.kind)),
      );
      assert.is(ingestion?.kind, 'StatefulSet');
      assert.equal(others, []);
      const [id] = listAt(ingestion, 'spec.template.spec.containers.0.env').filter(
        ({ name }) => name === 'MQTT_CLIENT_ID',
      );
      assert.is(at(id, 'valueFrom.fieldRef.fieldPath'), 'metadata.name');
      const shared = at(configOf(manifests), 'data.MQTT_SHARE_GROUP') !== undefined;
      assert.is(Number(at(ingestion, 'spec.replicas')) > 1, shared, 'more than one replica share the messages');
    }
  });

  test('restrict their containers, and probe the paths of the services', () => {
    for (const pod of everything.filter(({ kind }) => WORKLOADS.has(kind))) {
      const spec = at(pod, 'spec.template.spec');
      assert.is(at(spec, 'securityContext.runAsNonRoot'), true);
      assert.is(at(spec, 'enableServiceLinks'), false);
      const container = at(spec, 'containers.0');
      assert.is(at(container, 'securityContext.readOnlyRootFilesystem'), true);
      assert.is(at(container, 'securityContext.allowPrivilegeEscalation'), false);
      assert.equal(at(container, 'securityContext.capabilities'), { drop: ['ALL'] });
      assert.is(at(container, 'livenessProbe.httpGet.path'), '/healthz');
      assert.is(at(container, 'readinessProbe.httpGet.path'), '/readyz');
      assert.is(at(container, 'resources.limits.memory'), '512Mi', 'as in the table of README.md');
      assert.equal(listAt(spec, 'volumes')[0]?.emptyDir, { medium: 'Memory', sizeLimit: '8Mi' });
    }
  });

  test('set variables that the pipelines read, and leave time for the shutdown', async () => {
    let pods = 0;
    for (const { manifests } of built) {
      for (const pod of manifests.filter(({ kind }) => WORKLOADS.has(kind))) {
        const config = at(configOf(manifests), 'data');
        const deadlineMs = await deadlineOf(environmentOf(at(pod, 'spec.template.spec.containers.0'), config));
        const graceMs = Number(at(pod, 'spec.template.spec.terminationGracePeriodSeconds')) * 1_000;
        assert.ok(graceMs > deadlineMs + END_MS, `${nameOf(pod)}: ${graceMs} ms`);
        pods += 1;
      }
    }
    assert.is(pods, 9);
    for (const service of cloudRun) {
      const deadlineMs = await deadlineOf(environmentOf(at(service, 'spec.template.spec.containers.0'), {}));
      assert.ok(deadlineMs + END_MS < CLOUD_RUN_GRACE_MS, `${nameOf(service)}: ${deadlineMs} ms`);
      const annotations = at(service, 'spec.template.metadata.annotations');
      assert.ok(isRecord(annotations));
      assert.is(annotations['run.googleapis.com/cpu-throttling'], 'false');
      assert.ok(Number(annotations['autoscaling.knative.dev/minScale']) >= 1);
    }
  });

  test('scale by the backlog of the subscription that the pipeline reads', async () => {
    for (const scaler of everything.filter(({ kind }) => kind === 'HorizontalPodAutoscaler')) {
      const name = String(at(scaler, 'metadata.name'));
      const env = { GOOGLE_CLOUD_PROJECT: 'p', ARCHIVE_BUCKET: 'bucket' };
      const { config } = await loadPipeline(builtInPipeline(name), env);
      const labels = at(listAt(scaler, 'spec.metrics')[1], 'external.metric.selector.matchLabels');
      assert.ok(isRecord(labels));
      assert.is(labels['resource.labels.subscription_id'], at(config, 'source.subscriptionId'));
    }
  });

  test('compose starts the services with variables that they read, restricted, and with time for the shutdown', async () => {
    const compose = composeFile();
    const services = at(compose, 'services');
    assert.ok(isRecord(services));
    const text = readFileSync(join(DEPLOY, 'compose.yaml'), 'utf8');
    for (const name of SERVICES) {
      const service = services[name];
      const environment = at(service, 'environment');
      assert.ok(isRecord(environment));
      assert.is(environment.PIPELINE, name);
      const env = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value)]));
      const grace = /^(\d+)s$/.exec(String(at(service, 'stop_grace_period')))?.[1];
      assert.ok(Number(grace) * 1_000 > (await deadlineOf(env)) + END_MS, `${name}: ${grace} s`);
      assert.equal(
        [at(service, 'read_only'), at(service, 'user'), at(service, 'mem_limit')],
        [true, '1000:1000', '512m'],
      );
      assert.equal(at(service, 'tmpfs'), ['/tmp:size=8m']);
    }
    for (const [name, service] of Object.entries(services)) {
      const needed = at(service, 'depends_on');
      const names = Array.isArray(needed) ? needed.map(String) : Object.keys(isRecord(needed) ? needed : {});
      for (const each of names) assert.ok(each in services, `${name} depends on ${each}`);
    }
    const { SANDBOX_CONTROL_URL = '', ...addresses } = await sandboxAddresses();
    assert.is(Object.keys(addresses).length, 4);
    for (const [name, address] of Object.entries(addresses)) {
      assert.is(at(services, `ingestion.environment.${name}`), address, name);
    }
    assert.ok(text.includes(SANDBOX_CONTROL_URL.replace('sandbox', '127.0.0.1')), SANDBOX_CONTROL_URL);
  });

  test('Prometheus and Grafana name only services and files that compose has', () => {
    const services = at(composeFile(), 'services');
    assert.ok(isRecord(services));
    const [config = {}] = documentsOf(join(DEPLOY, 'prometheus/prometheus.yaml'));
    const named = [...listAt(config, 'scrape_configs'), ...listAt(config, 'alerting.alertmanagers')]
      .flatMap((each) => listAt(each, 'static_configs'))
      .flatMap(({ targets }) => (Array.isArray(targets) ? targets.map(String) : []));
    const [sources = {}] = documentsOf(join(DEPLOY, 'grafana/provisioning/datasources/prometheus.yaml'));
    const addresses = [...named, ...listAt(sources, 'datasources').map(({ url }) => new URL(String(url)).host)];
    assert.ok(addresses.length > SERVICES.length, addresses.join());
    assert.equal(
      addresses.filter((address) => !((address.split(':')[0] ?? '') in services)),
      [],
    );
    const mountedIn = (service: string): string[] => {
      const volumes = at(services, `${service}.volumes`);
      return Array.isArray(volumes) ? volumes.map((mount) => String(mount).split(':')[1] ?? '') : [];
    };
    const { rule_files: rules } = config;
    for (const file of Array.isArray(rules) ? rules : []) {
      assert.ok(mountedIn('prometheus').includes(`/etc/prometheus/${file}`), String(file));
    }
    const [boards = {}] = documentsOf(join(DEPLOY, 'grafana/provisioning/dashboards/dataflow.yaml'));
    for (const provider of listAt(boards, 'providers')) {
      const folder = String(at(provider, 'options.path'));
      assert.ok(
        mountedIn('grafana').some((path) => path.startsWith(`${folder}/`)),
        folder,
      );
    }
  });

  test('compose mounts files that exist', () => {
    const services = at(composeFile(), 'services');
    assert.ok(isRecord(services));
    const mounts = Object.values(services).flatMap((service) => {
      const volumes = at(service, 'volumes');
      return Array.isArray(volumes) ? volumes.map(String) : [];
    });
    const missing = mounts
      .map((mount) => mount.split(':')[0] ?? '')
      .filter((path) => path.startsWith('./') && !existsSync(join(DEPLOY, path)));
    assert.equal(missing, []);
    for (const path of globSync('deploy/grafana/provisioning/**/*.yaml', { cwd: ROOT })) {
      assert.is(documentsOf(join(ROOT, path))[0]?.apiVersion, 1);
    }
  });
});

/** Addresses of a sandbox whose first port is 9100, from another container. */
async function sandboxAddresses(): Promise<Record<string, string>> {
  const basePort = await freePort();
  const sandbox = await startSandbox({
    basePort,
    control: true,
    parts: ['pubsub', 'firestore', 'storage', 'bigquery'],
  });
  await sandbox.close();
  return Object.fromEntries(
    Object.entries(sandbox.env).flatMap(([name, value]) => {
      const [, protocol = '', port] = /^(.*)127\.0\.0\.1:(\d+)$/.exec(value) ?? [];
      return port === undefined ? [] : [[name, `${protocol}sandbox:${9_100 + Number(port) - basePort}`]];
    }),
  );
}

function composeFile(): unknown {
  return parse(readFileSync(join(DEPLOY, 'compose.yaml'), 'utf8'), { merge: true });
}
