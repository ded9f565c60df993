import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Scope } from './scope.ts';

const EXECUTABLES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of an installed Chromium; undefined where there is none. `CHROMIUM` names another one. */
export function findChromium(): string | undefined {
  return [process.env.CHROMIUM ?? '', ...EXECUTABLES].find((path) => path !== '' && existsSync(path));
}

/** A name that leads to this machine, as one of an attacker or of a tunnel does. */
export const OTHER_HOST = 'service.example';

/** A page, and what went wrong in it. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors of the console and of scripts. */
  readonly errors: readonly string[];
  /** Addresses of everything that the page has asked for. */
  readonly requests: readonly string[];
}

/** Starts a headless Chromium that ends with the scope. */
export async function startBrowser(scope: Scope, executablePath: string): Promise<Browser> {
  // In a container the sandbox of Chromium has no rights, and /dev/shm is small.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', `--host-resolver-rules=MAP ${OTHER_HOST} 127.0.0.1`];
  const browser = await chromium.launch({ executablePath, args });
  return scope.use(browser);
}

export interface PageLook {
  readonly colorScheme: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
  readonly reducedMotion?: 'reduce' | 'no-preference';
}

/** Opens a page of a look of its own, and watches it. */
export async function openPage(
  browser: Browser,
  url: string,
  { colorScheme, width = 1_360, height = 900, reducedMotion = 'no-preference' }: PageLook,
): Promise<WatchedPage> {
  const context = await browser.newContext({ colorScheme, reducedMotion, viewport: { width, height } });
  const page = await context.newPage();
  const errors: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, errors, requests };
}
