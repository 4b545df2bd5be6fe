// What a browser loads before the landing page lives, how soon it does, and that pages whose code comes later live as well.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { open, signedIn } from './browser.mjs';

/** Milliseconds, on loopback by a processor four times as slow. */
const PAINTED_MS = 200;
const HYDRATED_MS = 1000;
const SLOWDOWN = 4;
/** The machine runs other tests beside this one: what counts is the median. */
const LOADS = 7;
/** Every page, by what its main heading says; the first two are in the main file. */
const PAGES = {
  '/': 'Clusters',
  '/nothing': 'There is no such page',
  '/clusters/pg-meta': 'pg-meta',
  '/inventory': 'Inventory',
  '/nodes': 'Nodes',
  '/plans/999': /./,
  '/approvals': 'Approvals',
  '/account': /./,
  '/audit': 'Audit',
  '/people': 'People',
  '/policy': 'Policy',
  '/jobs': 'Jobs',
  '/jobs/999': /./,
};

let browser;
let context;
let bound;

before(async () => {
  browser = await open();
  ({ context } = await signedIn(browser));
  ({ first_load: bound } = await (await fetch(new URL('/pkg/manifest.json', process.env.PADDOCK_URL))).json());
});
after(() => browser?.close());

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const lives = (page) => page.waitForFunction(() => performance.getEntriesByName('hydrated').length > 0, null, { timeout: 20_000 });
const isCode = (url) => /\.(js|wasm|css)$/.test(new URL(url).pathname);

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
    if (isCode(urls.get(requestId))) files.push([new URL(urls.get(requestId)).pathname, encodedDataLength]);
  });
  await page.addInitScript(() => {
    window.shift = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.shift += entry.value; }))
      .observe({ type: 'layout-shift', buffered: true });
  });
  await page.goto('/');
  await lives(page);
  await page.waitForLoadState('networkidle');
  const times = await page.evaluate(() => ({
    painted: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    hydrated: performance.getEntriesByName('hydrated')[0].startTime,
    shift: window.shift,
  }));
  await page.close();
  assert.deepEqual(said, []);
  return { files, bytes: files.reduce((sum, [, bytes]) => sum + bytes, 0), ...times };
}

test('the landing page loads little, shows itself at once and answers within a second', async (t) => {
  const loads = [];
  for (let n = 0; n < LOADS; n += 1) loads.push(await firstLoad());
  const [painted, hydrated] = ['painted', 'hydrated'].map((name) => median(loads.map((load) => load[name])));
  for (const [name, bytes] of loads[0].files) t.diagnostic(`${bytes} bytes: ${name}`);
  t.diagnostic(`${loads[0].bytes} bytes of ${bound}; painted after ${Math.round(painted)} ms, hydrated after ${Math.round(hydrated)} ms`);
  for (const { files, bytes, shift } of loads) {
    assert.ok(files.some(([name]) => name.endsWith('.wasm')), 'the WASM is among what was counted');
    assert.ok(bytes <= bound, `${bytes} bytes, ${bound} at most: ${JSON.stringify(files)}`);
    assert.equal(shift, 0, 'nothing moves when the page comes to life');
  }
  assert.ok(painted <= PAINTED_MS, `painted after ${painted} ms`);
  assert.ok(hydrated <= HYDRATED_MS, `hydrated after ${hydrated} ms`);
});

test('every page comes to life when it is visited directly', async () => {
  for (const [path, heading] of Object.entries(PAGES)) {
    const { page, said } = await watched();
    const answer = await page.goto(path);
    await lives(page);
    await page.getByRole('heading', { level: 1, name: heading }).first().waitFor();
    // The browser itself reports the 404 of a page that is not there.
    const wrong = said.filter((text) => answer.status() < 400 || !text.includes(String(answer.status())));
    assert.deepEqual(wrong, [], path);
    await page.close();
  }
});

test('links load the code that they need, once, and the document stays', async () => {
  const { page, said } = await watched();
  await page.goto('/');
  await lives(page);
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
  for (const [path, heading] of Object.entries(PAGES)) {
    const page = await plain.newPage();
    await page.goto(path);
    await page.getByRole('heading', { level: 1, name: heading }).first().waitFor();
    await page.close();
  }
});
