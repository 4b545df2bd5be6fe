// What a browser loads before the landing page lives, how soon it does, and that pages whose code comes later live as well.
import assert from 'node:assert/strict';
import { availableParallelism, loadavg } from 'node:os';
import { after, before, test } from 'node:test';
import { open, signedIn } from './browser.mjs';

/**
 * Milliseconds, on loopback by a processor four times as slow, with the unoptimised server of the tests. The goals are 200 and
 * 1000; these hold what has been reached where nothing else runs, and only ever fall.
 */
const PAINTED_MS = 900;
const HYDRATED_MS = 1500;
const SLOWDOWN = 4;
/** The machine runs other tests beside this one: the median of some loads counts, and of such rounds the best. */
const LOADS = 7;
const ROUNDS = 2;
/** Every page, by what it says; the first one's code is in the main file. */
const PAGES = {
  '/': 'pg-test',
  '/sign-in': 'Password',
  '/clusters/pg-none': 'There is no cluster',
  '/clusters/pg-test': 'Operations',
  '/inventory': 'Revision',
  '/nodes': 'Check connections',
  '/plans/999': 'There is no plan 999',
  '/approvals': 'Waiting for a decision',
  '/account': 'What you may do',
  '/audit': 'Decision',
  '/people': 'A grant is a role',
  '/policy': 'What it takes to run a plan that destroys.',
  '/jobs': 'No job has run yet.',
  '/jobs/999': 'There is no job 999',
};

let browser;
let context;
let bound;

before(async () => {
  browser = await open();
  let page;
  ({ page, context } = await signedIn(browser));
  await declare(page, 'pg-test');
  ({ first_load: bound } = await (await fetch(new URL('/pkg/manifest.json', process.env.PADDOCK_URL))).json());
});
after(() => browser?.close());

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const isCode = (url) => /\.(js|wasm|css)$/.test(new URL(url).pathname);

/** Declares a cluster of one instance, so that there is one to be shown. */
async function declare(page, name) {
  await page.goto('/inventory');
  await page.getByRole('button', { name: 'Add cluster' }).click();
  const form = page.getByRole('form', { name: 'Add cluster' });
  await form.getByLabel('Cluster name').fill(name);
  await form.getByLabel('Address').first().fill('10.10.10.11');
  await form.getByLabel('First database').fill('app');
  await form.getByLabel('Its owner').fill('app');
  await form.getByRole('button', { name: 'Preview' }).click();
  await form.getByRole('button', { name: 'Put into the text' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(/Saved as revision \d+/).waitFor();
}

/** A new page and what goes wrong in it, as far as the console of the browser says so. */
async function watched(of = context) {
  const page = await of.newPage();
  const said = [];
  page.on('pageerror', (error) => said.push(String(error)));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && said.push(message.text()));
  return { page, said };
}

/** Loads the landing page with nothing kept from before and tells what came and when. */
async function firstLoad() {
  const { page, said } = await watched();
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN });
  const urls = new Map();
  const files = [];
  session.on('Network.requestWillBeSent', ({ requestId, request }) => urls.set(requestId, request.url));
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (isCode(urls.get(requestId) ?? 'none:')) files.push([new URL(urls.get(requestId)).pathname, encodedDataLength]);
  });
  // Rows move by what comes live, as they should: what is measured is the page itself.
  await page.routeWebSocket('**/ws', () => {});
  await page.addInitScript(() => {
    window.shift = 0;
    window.moved = [];
    const place = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(' ');
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
      window.shift += entry.value;
      window.moved.push(...entry.sources.map(({ node, previousRect, currentRect }) =>
        `${node?.nodeName}.${node?.className} from ${place(previousRect)} to ${place(currentRect)}`));
    })).observe({ type: 'layout-shift', buffered: true });
  });
  await page.goto('/');
  await page.waitForLoadState('networkidle');
  const times = await page.evaluate(() => ({
    painted: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    hydrated: performance.getEntriesByName('hydrated')[0].startTime,
    shift: window.shift,
    moved: window.moved,
  }));
  await page.close();
  assert.deepEqual(said, []);
  return { files, bytes: files.reduce((sum, [, bytes]) => sum + bytes, 0), ...times };
}

test('the landing page loads little, shows itself at once and answers within a second', async (t) => {
  const best = { painted: Infinity, hydrated: Infinity };
  for (let round = 0; round < ROUNDS && (best.painted > PAINTED_MS || best.hydrated > HYDRATED_MS); round += 1) {
    const loads = [];
    for (let n = 0; n < LOADS; n += 1) loads.push(await firstLoad());
    for (const name of Object.keys(best)) best[name] = Math.min(best[name], median(loads.map((load) => load[name])));
    if (round === 0) loads[0].files.forEach(([name, bytes]) => t.diagnostic(`${bytes} bytes: ${name}`));
    t.diagnostic(`${loads[0].bytes} bytes of ${bound}; ${loads.map(({ painted, hydrated }) => `${Math.round(painted)}/${Math.round(hydrated)}`).join(' ')} ms painted/hydrated`);
    for (const { files, bytes, shift, moved } of loads) {
      assert.ok(files.some(([name]) => name.endsWith('.wasm')), 'the WASM is among what was counted');
      assert.ok(bytes <= bound, `${bytes} bytes, ${bound} at most: ${JSON.stringify(files)}`);
      assert.equal(shift.toFixed(2), '0.00', `nothing moves when the page comes to life: ${moved.join('; ')}`);
    }
  }
  // A page of three bytes takes 400 ms to be painted where ten programs want two processors: times are told, not judged, there.
  if (loadavg()[0] > availableParallelism()) return t.diagnostic('the machine is busy: its times are not judged');
  assert.ok(best.painted <= PAINTED_MS, `painted after ${best.painted} ms`);
  assert.ok(best.hydrated <= HYDRATED_MS, `hydrated after ${best.hydrated} ms`);
});

test('every page comes to life when it is visited directly', async () => {
  for (const [path, text] of Object.entries(PAGES)) {
    const { page, said } = await watched();
    const answer = await page.goto(path);
    await page.getByRole('main').getByText(text).first().waitFor();
    // The browser itself reports the 404 of what is not there.
    const wrong = said.filter((line) => answer.status() < 400 || !line.includes(String(answer.status())));
    assert.deepEqual(wrong, [], path);
    await page.close();
  }
});

test('links load the code that they need, once, and the document stays', async () => {
  const { page, said } = await watched();
  await page.goto('/');
  await page.evaluate(() => { window.stays = true; });
  const fetched = [];
  page.on('request', (request) => request.url().endsWith('.wasm') && fetched.push(request.url()));
  const visit = async (name) => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { level: 1, name }).waitFor();
  };
  await visit('Inventory');
  assert.notEqual(fetched.length, 0, 'the code of the inventory was not loaded before');
  for (const name of ['Nodes', 'Jobs', 'Approvals', 'Policy', 'Audit', 'People', 'Clusters']) await visit(name);
  await page.goBack();
  await page.getByRole('heading', { level: 1, name: 'People' }).waitFor();
  assert.equal(new Set(fetched).size, fetched.length, 'no file is loaded twice');
  assert.ok(await page.evaluate(() => window.stays), 'no visit loaded a new document');
  assert.deepEqual(said, []);
  await page.close();
});

test('without scripts every page can be read', async () => {
  const cookies = await context.cookies();
  const plain = await browser.newContext({ baseURL: process.env.PADDOCK_URL, javaScriptEnabled: false });
  await plain.addCookies(cookies);
  for (const [path, text] of Object.entries(PAGES)) {
    const page = await plain.newPage();
    await page.goto(path);
    await page.getByRole('main').getByText(text).first().waitFor();
    await page.close();
  }
});
