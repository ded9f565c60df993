import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { servePlatformPage } from '../src/services/platform-page.ts';
import { placeOf } from '../src/services/snapshot.ts';
import { findChromium, OTHER_HOST, openPage, startBrowser } from '../src/testing/browser.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun, type TestRun } from '../src/testing/test-run.ts';
import type { Platform } from '../src/tools/demo/platform.ts';

const IMAGES = join(import.meta.dirname, '../docs/images');
/** `npm test -- e2e/live-page` leaves the images of the README alone; with this it takes them again. */
const takesImages = process.env.UPDATE_IMAGES === 'true';
const RATE = 150;

suite('the picture of a graph', (it) => {
  const { test } = it;
  const scope = suiteScope(it);

  test('has the order in which a message passes the probes', async () => {
    const { sandbox, mqttEnv } = await startServers(scope);
    const run = await openRun(scope, {
      projectId: sandbox.projectId,
      mqttUrl: mqttEnv.MQTT_URL,
      devices: 1,
      env: mqttEnv,
    });
    const platform = await run.startPlatform();
    const passed = platform.all.map(({ live }) => {
      const names = new Set<string>();
      for (const { name, values } of live.probes) {
        scope.use({ close: () => watching.unsubscribe() });
        const watching = values.subscribe({
          next: () => names.add(name),
          error: (error) => assert.unreachable(String(error)),
        });
      }
      return { live, names };
    });
    await run.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: 1 }).done;
    await eventually(() => assert.ok(platform.all.every(({ ledger }) => ledger.acked === 1)));
    for (const { live, names } of passed) {
      const { edges, inSink, beside, report } = live.snapshot();
      const way = edges.map(({ probe }) => probe);
      assert.equal(
        [...names].filter((name) => way.includes(name)),
        way,
        live.service,
      );
      const drawn = [...edges, ...inSink, ...beside].map(({ probe }) => probe);
      for (const part of Object.keys(report.components)) {
        assert.is(placeOf(part) === 'service', ['service', 'progress'].includes(part), `${part} has its box`);
      }
      for (const name of names) assert.ok(drawn.includes(name), `${live.service}: ${name} is in the picture`);
    }
  });
});

suite('the live page in a browser', (it) => {
  const { test, before, leaveOut } = it;
  const executable = findChromium();
  if (executable === undefined) {
    leaveOut('shows the running services', 'no Chromium is installed: apt-get install chromium');
    return;
  }
  const scope = suiteScope(it);
  let sandbox: Sandbox;
  let run: TestRun;
  let platform: Platform;
  let browser: Browser;
  let url: string;

  before(async () => {
    const servers = await startServers(scope);
    ({ sandbox } = servers);
    run = await openRun(scope, {
      projectId: sandbox.projectId,
      mqttUrl: servers.mqttEnv.MQTT_URL,
      devices: 20,
      env: { ...servers.mqttEnv, ARCHIVE_MAX_AGE_MS: '500' },
    });
    platform = await run.startPlatform();
    ({ url } = scope.use(await servePlatformPage(platform.all)));
    run.load({ ratePerSecond: RATE });
    browser = await startBrowser(scope, executable);
  });

  const total = async (page: Page, service: string, probe: string): Promise<number> => {
    const text = await page.locator(`[data-service=${service}] [data-probe=${probe}] .total`).textContent();
    return Number(text?.replaceAll(',', ''));
  };
  const stateOf = (page: Page, service: string, role: string) =>
    page.locator(`[data-service=${service}] .box[data-role="${role}"]`).getAttribute('data-state');

  test('draws the graph of each service as its code says, and its numbers move', async () => {
    const { page, errors, requests } = await openPage(browser, url, { colorScheme: 'light' });
    await page.locator('[data-service=bigqueries] .box').first().waitFor();
    for (const service of platform.all) {
      const section = page.locator(`[data-service=${service.name}]`);
      const probes = await section
        .locator('.edge')
        .evaluateAll((edges) => edges.map((edge) => edge.getAttribute('data-probe')));
      assert.is(probes[0], 'received');
      assert.is(probes.at(-1), 'settled');
      assert.is(await section.locator('.box').count(), probes.length + 1);
    }
    assert.match(
      await page.locator('[data-service=enrich] .box[data-role=between]').innerText(),
      /enriched[\s\S]*decodeInput[\s\S]*extractKey[\s\S]*orderedByKey/,
    );
    const seen = await total(page, 'bigqueries', 'settled');
    await eventually(async () => assert.ok((await total(page, 'bigqueries', 'settled')) > seen + RATE));
    await eventually(async () => {
      const rate = Number(await page.locator('[data-service=ingestion] [data-probe=received] .rate b').textContent());
      assert.ok(rate > RATE / 3, `${rate}/s`);
    });
    const { ledger } = platform.service('bigqueries');
    const shown = await total(page, 'bigqueries', 'received');
    assert.ok(shown <= ledger.received && shown > ledger.received - 20 * RATE, `${shown} of ${ledger.received}`);
    await page.locator('[data-service=enrich] .more > summary').click();
    await eventually(async () => {
      const lookups = await page.locator('[data-service=enrich] .panel:has-text("Lookup, by layer")').innerText();
      assert.match(lookups, /memory[\s\S]*\d\/s[\s\S]*firestore/);
    });
    assert.match(
      await page.locator('[data-service=enrich] .panel:has-text("Ledger")').first().innerText(),
      /balance\s+balanced/,
    );
    assert.equal(errors, []);
    for (const address of requests) assert.is(new URL(address).origin, new URL(url).origin, address);
    await page.context().close();
  });

  test('turns the stage red that fails, says why, and recovers', async () => {
    const { page, errors } = await openPage(browser, url, { colorScheme: 'dark' });
    await eventually(async () => assert.is(await page.locator('#state').textContent(), 'ready'));
    const fault = sandbox.faults.add({
      server: 'pubsub',
      method: 'Publish',
      resource: `*${run.resources.topics.enriched}*`,
      error: { code: 'UNAVAILABLE', message: 'injected outage' },
    });
    await eventually(async () => assert.is(await stateOf(page, 'enrich', 'sink'), 'failing'));
    assert.is(await stateOf(page, 'enrich', 'source'), 'ok');
    assert.is(await stateOf(page, 'ingestion', 'sink'), 'ok');
    assert.match(
      await page.locator('[data-service=enrich] .problems').innerText(),
      /publish.* is failing: .*injected outage/,
    );
    assert.match((await page.locator('#state').textContent()) ?? '', /^not ready: .*enrich/);
    if (takesImages)
      await page.locator('[data-service=enrich]').screenshot({ path: join(IMAGES, 'live-page-failing.png') });
    fault.remove();
    await eventually(async () => {
      assert.is(await stateOf(page, 'enrich', 'sink'), 'ok');
      assert.is(await page.locator('#state').textContent(), 'ready');
    });
    assert.equal(errors, []);
    await page.context().close();
  });

  test('is used by keyboard: theme, pause, and the messages that pass a probe', async () => {
    const { page, errors } = await openPage(browser, url, { colorScheme: 'light', reducedMotion: 'reduce' });
    await page.locator('[data-service=ingestion] [data-probe=routed] button').waitFor();
    await page.keyboard.press('Tab');
    assert.is(await page.evaluate('document.activeElement.textContent'), 'Skip to the services');
    const press = async (text: RegExp): Promise<void> => {
      for (let presses = 0; presses < 40; presses += 1) {
        await page.keyboard.press('Tab');
        const focused = String(await page.evaluate('document.activeElement.textContent'));
        if (text.test(focused)) {
          assert.is.not(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none', focused);
          await page.keyboard.press('Enter');
          return;
        }
      }
      assert.unreachable(`no Tab leads to ${text}`);
    };
    await press(/^Theme/);
    await page.keyboard.press('Enter');
    assert.is(await page.evaluate('document.documentElement.dataset.theme'), 'dark');
    assert.is(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(18, 22, 21)');
    await press(/^routed$/);
    await page.locator('#peek[open] #peek-values li').first().waitFor();
    assert.match(await page.locator('#peek-values li').first().innerText(), /message_id/);
    await page.keyboard.press('Escape');
    assert.is(await page.locator('#peek[open]').count(), 0);
    await page.locator('#pause').press('Enter');
    assert.is(await page.locator('#connection').textContent(), 'paused');
    assert.is(await page.evaluate("getComputedStyle(document.querySelector('.box')).transitionDuration"), '0s');
    assert.equal(errors, []);
    await page.context().close();
  });

  test('shows contents under another name only with the token, which is asked for', async () => {
    const server = scope.use(await servePlatformPage(platform.all, { token: 'open-sesame' }));
    const address = server.url.replace('127.0.0.1', OTHER_HOST);
    const { page, errors } = await openPage(browser, address, { colorScheme: 'dark' });
    await page.locator('[data-service=enrich] [data-probe=enriched] .rate').waitFor();
    assert.is(await page.locator('.edge button').count(), 0, 'no messages to look at');
    await page.locator('#unlock').click();
    await page.keyboard.type('open-sesame');
    await page.keyboard.press('Enter');
    await page.locator('[data-service=enrich] [data-probe=enriched] button').waitFor();
    assert.is(await page.locator('#unlock').isVisible(), false);
    assert.not.match(page.url(), 'sesame');
    assert.equal(errors, []);
    await page.context().close();
  });

  test('says when the service is gone, and goes on when it is back', async () => {
    const first = await servePlatformPage(platform.all);
    const { page } = await openPage(browser, first.url, { colorScheme: 'light' });
    await eventually(async () => assert.is(await page.locator('#state').textContent(), 'ready'));
    await first.close();
    await eventually(async () => assert.is(await page.locator('#state').textContent(), 'no connection'));
    scope.use(await servePlatformPage(platform.all, { port: first.port }));
    await eventually(async () => assert.is(await page.locator('#state').textContent(), 'ready'));
    await page.context().close();
  });

  test('fits a narrow window in both themes', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, errors } = await openPage(browser, url, { colorScheme, width: 390, height: 844 });
      await page.locator('[data-service=bigqueries] .box').first().waitFor();
      const width = await page.evaluate('document.documentElement.scrollWidth');
      assert.ok(Number(width) <= 390, `${width} px wide`);
      assert.equal(errors, []);
      await page.context().close();
    }
  });

  if (takesImages) {
    test('is in docs/images', async () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const { page } = await openPage(browser, url, { colorScheme, width: 1_280, height: 1_050 });
        await page.locator('[data-service=bigqueries] .box').first().waitFor();
        await eventually(async () => {
          const rate = await page.locator('[data-service=bigqueries] [data-probe=settled] .rate b').textContent();
          assert.ok(Number(rate) > RATE / 2);
        });
        await new Promise((resolve) => setTimeout(resolve, 15_000));
        await page.screenshot({ path: join(IMAGES, `live-page-${colorScheme}.png`) });
        await page.context().close();
      }
    });
  }
});
