// Chromium as Debian ships it, and pictures of pages.
import AxeBuilder from '@axe-core/playwright';
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

export const open = () => chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });

/** A browser of its own, for whoever signs in there. Without motion: what beats is drawn sixty times a second, by the processor here. */
export async function visitor(browser, url = process.env.PADDOCK_URL) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, baseURL: url, reducedMotion: 'reduce' });
  context.on('page', waitForLife);
  return context;
}

/** Before a page lives, what is pressed is not seen: a visit ends when it does. */
function waitForLife(page) {
  for (const visit of ['goto', 'reload']) {
    const plain = page[visit].bind(page);
    page[visit] = async (...words) => {
      const answer = await plain(...words);
      await lives(page);
      return answer;
    };
  }
}

/** Waits until every control of a page works; a page without our script has none that could. */
export const lives = (page) => page.waitForFunction(
  () => !document.querySelector('script[type="module"]') || performance.getEntriesByName('hydrated').length > 0);

/** A page signed in as the first admin, of the lab's console or of another. */
export async function signedIn(browser, { url, password = process.env.PADDOCK_PASSWORD } = {}) {
  const context = await visitor(browser, url);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto('/');
  await page.getByLabel('Name').fill('admin');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Clusters' }).waitFor();
  return { page, context, errors };
}

/** Declares a cluster of three, which nobody creates. */
export async function declareCluster(page) {
  await page.goto('/inventory');
  await page.waitForLoadState('networkidle');
  const editor = page.getByRole('textbox', { name: 'Inventory text' });
  const hosts = ['primary', 'replica', 'replica'].map((role, at) => `        10.10.10.${11 + at}: { pg_seq: ${at + 1}, pg_role: ${role} }\n`);
  const group = `    pg-test:\n      hosts:\n${hosts.join('')}      vars: { pg_cluster: pg-test }\n`;
  await editor.fill((await editor.inputValue()).replace(/^  children:\n/m, (line) => line + group));
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(/Saved as revision \d+/).waitFor();
}

/** Nothing that keeps people out of a page, in either theme: no finding of axe's that is serious or critical. */
export async function accessible(page) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const bad = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
    const said = bad.map(({ id, help, nodes }) =>
      `${id} (${help}):\n${nodes.slice(0, 5).map(({ html, failureSummary }) => `  ${html}\n  ${failureSummary}`).join('\n')}`);
    assert.equal(bad.length, 0, `${page.url()}, ${scheme}:\n${said.join('\n')}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

/** The subjects that docs/pictures keeps: every page once, and what the documents speak of. The others are for a failed run. */
const KEPT = new Set([
  'clusters-empty', 'clusters', 'fleet', 'cluster-declared', 'cluster', 'cluster-links', 'cluster-member-menu', 'cluster-operations',
  'cluster-add-replica', 'cluster-config', 'cluster-accounts', 'cluster-backups', 'backups-time-line', 'cluster-restore', 'cluster-clone',
  'cluster-clone-name', 'cluster-standby', 'cluster-remove', 'cluster-command-refused', 'failovers', 'inventory', 'inventory-add', 'inventory-files', 'inventory-values', 'inventory-template',
  'inventory-form-instances', 'inventory-form-user', 'inventory-form-hba', 'inventory-form-services', 'cluster-without-etcd',
  'inventory-history', 'inventory-revision', 'inventory-blame', 'finding-pgsql-two-primaries', 'refused-wrong-key', 'nodes', 'nodes-host-key',
  'nodes-refused', 'drift', 'plan', 'plan-again', 'plan-waits-for-approval', 'plan-approver', 'plan-approved', 'plan-refused', 'approvals', 'policy', 'jobs',
  'job-running', 'job', 'job-replay', 'log', 'audit', 'people', 'account', 'account-factor-key', 'account-factor-codes', 'account-tokens',
  'settings', 'sign-in', 'sign-in-code', 'not-found', 'palette',
]);
/** What is below this of a page shows nothing that is not above. */
const TALLEST = 1500;

/**
 * Pictures of a page in both themes and two widths; with `PADDOCK_PICTURES`, the docs' own are written there, of `part` alone where one
 * is given: what is far down a long page.
 */
export async function pictures(page, name, part) {
  // What is shown once is nobody else's, not even of a console that is gone: a bar in its place.
  await page.evaluate(() => document.querySelectorAll('.once').forEach((one) => {
    one.style.cssText = 'color: transparent; background: var(--line); border-radius: 3px';
  }));
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const [width, height] of [[1440, 900], [360, 740]]) {
      await page.setViewportSize({ width, height });
      const file = `${name}-${width}-${scheme}`;
      await page.screenshot({ path: join(process.env.ARTEFACTS, `${file}.png`), fullPage: true });
      if (process.env.PADDOCK_PICTURES && KEPT.has(name)) await keep(page, join(process.env.PADDOCK_PICTURES, `${file}.webp`), width, part);
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1440, height: 900 });
}

/** Writes a page as WebP, which is a quarter of a PNG; Playwright itself has no such format. */
async function keep(page, path, width, part) {
  const whole = { top: 0, bottom: await page.evaluate(() => document.documentElement.scrollHeight) };
  const { top, bottom } = part ? await part.evaluate((one) => {
    const { top, bottom } = (one.closest('details') ?? one).getBoundingClientRect();
    return { top: Math.max(0, top + scrollY), bottom: bottom + scrollY };
  }) : whole;
  const clip = { x: 0, y: Math.floor(top), width, height: Math.min(Math.ceil(bottom - top), TALLEST), scale: 1 };
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 45, captureBeyondViewport: true, clip });
  await session.detach();
  await writeFile(path, Buffer.from(data, 'base64'));
}
