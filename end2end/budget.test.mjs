// What a browser loads before the landing page lives, how soon it does, and that pages whose code comes later live as well.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { availableParallelism, loadavg } from 'node:os';
import { after, before, test } from 'node:test';
import { brotliCompressSync, constants } from 'node:zlib';
import { lives, open, signedIn } from './browser.mjs';

/** Milliseconds by a processor four times as slow, on loopback. */
const HYDRATED_MS = 1000;
/**
 * After a page of three bytes, which takes 110 to 150 of the goal's 200 ms here; our page without scripts, style of other pages and
 * icon takes 210 to 320 (docs/decisions/0026). What ours takes more is our doing: it only ever falls.
 */
const PAINT_MORE_MS = 300;
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
/** Serves the page of three bytes. */
let tiny;

before(async () => {
  tiny = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<p>'.padEnd(4, 'x'))).listen(0, '127.0.0.1');
  browser = await open();
  let page;
  ({ page, context } = await signedIn(browser));
  await declare(page, 'pg-test');
  ({ first_load: bound } = await (await fetch(new URL('/pkg/manifest.json', process.env.PADDOCK_URL))).json());
});
after(async () => {
  await browser?.close();
  tiny.close();
});

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

/** A new page of a browser that has kept nothing, on the slow processor. */
async function fresh() {
  const { page, said } = await watched();
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN });
  return { page, said, session };
}

const paint = (page) => page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);

/** When the page of three bytes is painted. */
async function least() {
  const { page } = await fresh();
  await page.goto(`http://127.0.0.1:${tiny.address().port}/`);
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
  const painted = await paint(page);
  await page.close();
  return painted;
}

/** Loads the landing page and tells what came and when. */
async function firstLoad() {
  const { page, said, session } = await fresh();
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
  const style = await page.evaluate(() => document.querySelector('style').textContent);
  // As the server compresses pages; it comes in this one.
  const options = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
  files.push(['the style sheet', brotliCompressSync(style, options).length]);
  const painted = await paint(page);
  const times = await page.evaluate(() => ({
    hydrated: performance.getEntriesByName('hydrated')[0].startTime,
    shift: window.shift,
    moved: window.moved,
  }));
  await page.close();
  assert.deepEqual(said, []);
  return { files, bytes: files.reduce((sum, [, bytes]) => sum + bytes, 0), painted, ...times };
}

test('the landing page loads little, shows itself at once and answers within a second', async (t) => {
  const best = { more: Infinity, hydrated: Infinity };
  for (let round = 0; round < ROUNDS && (best.more > PAINT_MORE_MS || best.hydrated > HYDRATED_MS); round += 1) {
    const loads = [];
    for (let n = 0; n < LOADS; n += 1) loads.push({ least: await least(), ...await firstLoad() });
    const middle = (name) => Math.round(median(loads.map((load) => load[name])));
    best.more = Math.min(best.more, middle('painted') - middle('least'));
    best.hydrated = Math.min(best.hydrated, middle('hydrated'));
    if (round === 0) loads[0].files.forEach(([name, bytes]) => t.diagnostic(`${bytes} bytes: ${name}`));
    t.diagnostic(`${loads[0].bytes} bytes of ${bound}; painted after ${middle('painted')} ms, three bytes after ${middle('least')}; hydrated after ${middle('hydrated')} ms; load ${loadavg()[0].toFixed(1)}`);
    for (const { files, bytes, shift, moved } of loads) {
      assert.ok(files.some(([name]) => name.endsWith('.wasm')), 'the WASM is among what was counted');
      assert.ok(bytes <= bound, `${bytes} bytes, ${bound} at most: ${JSON.stringify(files)}`);
      assert.equal(shift.toFixed(2), '0.00', `nothing moves when the page comes to life: ${moved.join('; ')}`);
    }
  }
  // Where ten programs want two processors, times are told, not judged.
  if (loadavg()[0] > availableParallelism()) return t.diagnostic('the machine is busy: its times are not judged');
  assert.ok(best.more <= PAINT_MORE_MS, `painted ${best.more} ms after a page of three bytes`);
  assert.ok(best.hydrated <= HYDRATED_MS, `hydrated after ${best.hydrated} ms`);
});

test('a page whose code has stopped says so', async () => {
  const { page } = await watched();
  await page.goto('/');
  const told = page.getByRole('alert').filter({ hasText: 'This page has stopped' });
  assert.ok(!await told.isVisible());
  // What a trap of WASM throws, wherever it is thrown.
  await page.evaluate(() => { setTimeout(() => { throw new WebAssembly.RuntimeError('unreachable'); }); });
  await told.waitFor();
  await told.getByRole('link', { name: 'Load the page anew' }).click();
  await told.waitFor({ state: 'hidden' });
  await lives(page);
  await page.close();
});

test('a page whose code does not come is visited whole', async () => {
  const { page } = await watched();
  await page.goto('/');
  await page.evaluate(() => { window.stays = true; });
  await page.route('**/pkg/*.wasm', (route) => route.abort());
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Inventory' }).click();
  await page.getByRole('heading', { level: 1, name: 'Inventory' }).waitFor();
  assert.ok(!await page.evaluate(() => window.stays), 'it came as a document of its own, as the server writes it');
  await page.unrouteAll();
  await page.reload();
  await page.getByRole('button', { name: 'Add cluster' }).click();
  await page.getByRole('form', { name: 'Add cluster' }).waitFor();
  await page.close();
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
