// A job's output, however long it is: looked through, live, without WebSockets, without scripts.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { accessible, open, pictures, signedIn } from './browser.mjs';
import { freePort, startConsole } from './own.mjs';

const MILLION = 1_000_000;
/** Lines a second, and for how many seconds. */
const RATE = 5_000;
const SECONDS = 6;
const [FRAMES, LONG_MS, SEARCH_MS] = [55, 100, 300];
const SCRIBE = join(dirname(process.env.PADDOCK_BINARY), 'scribe');

let browser;
let page;
let context;
let errors;
let house;

before(async () => {
  browser = await open();
  house = await built();
  ({ page, context, errors } = await signedIn(browser, house));
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: house.url });
});
after(async () => {
  await browser?.close();
  await house?.end();
});

/** A console with one job, which this file writes. */
async function built() {
  const folder = await mkdtemp(join(tmpdir(), 'paddock-log-'));
  const url = `http://127.0.0.1:${await freePort()}`;
  const running = await startConsole(folder, url);
  const scribe = spawn(SCRIBE, [join(folder, 'state')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = createInterface({ input: scribe.stdout })[Symbol.asyncIterator]();
  const job = Number((await said.next()).value.match(/^job (\d+)$/)[1]);
  /** Gives an order and waits until it is done. */
  const order = async (words) => {
    scribe.stdin.write(`${words}\n`);
    assert.equal((await said.next()).value, 'done');
  };
  const end = async () => {
    scribe.stdin.end();
    await running.stop();
    await rm(folder, { recursive: true });
  };
  return { url, password: running.password, job: `/jobs/${job}`, order, end };
}

/** The machine does other things beside this: what it takes is told then, not judged. */
const busy = () => loadavg()[0] > availableParallelism();
const lines = (of = page) => of.getByRole('region', { name: 'Lines' });
const rows = (of = page) => lines(of).locator('[data-seq]');
const found = (of = page) => of.locator('.found');
const counted = (text, of = page) => of.locator('.found', { hasText: text }).waitFor();
const grouped = (number) => number.toLocaleString('en-US');

/** Types what is sought and gives the milliseconds until its count and its first hit are on the page. */
const search = (text) => page.evaluate((wanted) => new Promise((done) => {
  const [input, count] = [document.querySelector('input[name=find]'), document.querySelector('.found')];
  const before = count.textContent;
  const begun = performance.now();
  input.value = wanted;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  const look = () => {
    const hit = document.querySelector('.log mark')?.textContent.toLowerCase() === wanted.toLowerCase();
    if (hit && count.textContent !== before && document.querySelector('.log').ariaBusy === 'false') done(performance.now() - begun);
    else requestAnimationFrame(look);
  };
  look();
}), text);

test('new lines come in at their pace, and the page stays smooth', async (t) => {
  await house.order('lines 1000 0');
  await page.goto(house.job);
  await counted('1,000 lines');
  const written = house.order(`lines ${RATE * SECONDS} ${RATE}`);
  const { frames, long, ms } = await page.evaluate((seconds) => new Promise((done) => {
    const long = [];
    const watch = new PerformanceObserver((list) => long.push(...list.getEntries().map((task) => Math.round(task.duration))));
    watch.observe({ type: 'longtask' });
    let frames = -1;
    const begun = performance.now();
    const frame = () => {
      frames += 1;
      const ms = performance.now() - begun;
      if (ms < seconds * 1000) return requestAnimationFrame(frame);
      watch.disconnect();
      done({ frames, long, ms });
    };
    requestAnimationFrame(frame);
  }), SECONDS - 1);
  await written;
  await counted(`${grouped(1000 + RATE * SECONDS)} lines`);
  const rate = frames / ms * 1000;
  t.diagnostic(`${rate.toFixed(1)} frames/s while ${RATE} lines/s came; long tasks: ${long.join(' ') || 'none'} ms; load ${loadavg()[0].toFixed(1)}`);
  const last = await rows().last().getAttribute('data-seq');
  assert.equal(Number(last), 5 + 1000 + RATE * SECONDS - 1, 'the last line is in sight');
  if (busy()) return t.diagnostic('the machine is busy: its times are not judged');
  assert.ok(rate >= FRAMES, `${rate} frames/s`);
  assert.ok(Math.max(0, ...long) <= LONG_MS, `a task took ${Math.max(...long)} ms`);
});

test('a million lines are searched while one types', async (t) => {
  await house.order(`lines ${MILLION - 1000 - RATE * SECONDS} 0`);
  await page.goto(house.job);
  await counted('1,000,000 lines');
  const cold = await search('milestone 57');
  t.diagnostic(`the first search after the page was opened: ${cold.toFixed(0)} ms`);
  assert.match(await found().innerText(), /^1 of 1,000,000 lines$/);
  const took = [];
  for (const text of ['transaction', 'milestone', 'line 99', 'CHECKPOINT COMPLETE', 'o', 'wrote 7 ', '(96 removed)']) {
    took.push([await search(text), text]);
    t.diagnostic(`${took.at(-1)[0].toFixed(0)} ms for "${text}": ${await found().innerText()}`);
  }
  await search('milestone');
  assert.match(await found().innerText(), /^100 of 1,000,000 lines$/);
  const [longest, text] = took.reduce((a, b) => (b[0] > a[0] ? b : a));
  if (busy()) return t.diagnostic('the machine is busy: its times are not judged');
  assert.ok(longest <= SEARCH_MS, `"${text}" took ${longest} ms`);
});

test('every place of a million lines is reached, and few of them are in the document', async () => {
  await page.goto(house.job);
  await counted('1,000,000 lines');
  for (const part of [0, 0.1, 0.5, 0.731, 1]) {
    await lines().evaluate((pane, to) => {
      pane.dispatchEvent(new WheelEvent('wheel'));
      pane.scrollTop = (pane.scrollHeight - pane.clientHeight) * to;
    }, part);
    await page.waitForFunction((to) => {
      const pane = document.querySelector('.log');
      const box = pane.getBoundingClientRect();
      const inSight = [...pane.querySelectorAll('.row')].filter((row) => row.getBoundingClientRect().bottom > box.top && row.getBoundingClientRect().top < box.bottom);
      const seqs = inSight.map((row) => Number(row.dataset.seq));
      return inSight.length >= Math.floor(box.height / 24) && seqs.every((seq, at) => seq === seqs[0] + at) && Math.abs(seqs[0] - to * 1_000_000) < 2_000;
    }, part);
    assert.ok(await page.locator('.log .row').count() < 250);
  }
});

test('filters, colours, a link to a line, copy and download', async () => {
  await page.goto(house.job);
  await page.getByLabel('Level').selectOption('Warnings and errors');
  await counted('50,000 of 1,000,000 lines');
  await page.getByLabel('Host').selectOption('10.10.10.12');
  await counted(/^16,66\d of 1,000,000 lines$/);
  await page.getByLabel('Find in the output').fill('line 99');
  await counted(/^\d{3} of 1,000,000 lines$/);
  await page.waitForURL(/find=line%2099&host=10\.10\.10\.12&level=err$/);
  const count = Number((await found().innerText()).split(' ')[0]);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download', exact: true }).click()]);
  const text = await readFile(await file.path(), 'utf8');
  assert.equal(text.trimEnd().split('\n').length, count);
  assert.match(text, /^\d{4}-\d\d-\d\dT[\d:.]+Z 10\.10\.10\.12 err WARNING:  line 99\d*: there is/);
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByText(`${count} lines are copied`).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied.trimEnd().split('\n').length, count);
  // In sight of its neighbours again.
  const row = rows().nth(3);
  const seq = await row.getAttribute('data-seq');
  await row.getByRole('link').click();
  await counted(/^1,000,000 lines$/);
  await page.waitForURL(new RegExp(`line=${seq}$`));
  const marked = lines().locator('.marked');
  await marked.waitFor();
  assert.equal(await marked.getAttribute('data-seq'), seq);
  assert.ok(await rows().first().getAttribute('data-seq') < seq);
  const linked = page.url();
  await page.goBack();
  await counted(`${count} of 1,000,000 lines`);
  assert.equal(await page.getByLabel('Find in the output').inputValue(), 'line 99');
  await page.goto(linked);
  await marked.waitFor();
  const box = await lines().boundingBox();
  const at = await marked.boundingBox();
  assert.ok(at.y > box.y && at.y + at.height < box.y + box.height, 'the line is in sight');
  await page.goto(`${house.job}?find=pgbench_accounts`);
  await lines().locator('.green.bold', { hasText: 'ok' }).first().waitFor();
  await lines().locator('mark', { hasText: 'pgbench_accounts' }).first().waitFor();
  await accessible(page);
  await pictures(page, 'log');
  assert.deepEqual(errors, []);
});

test('without WebSockets events come all the same, each once and in order, also when the way changes', async () => {
  const other = await built();
  const visit = await signedIn(browser, other);
  await visit.page.addInitScript(() => {
    const Plain = window.WebSocket;
    window.sockets = [];
    window.blocked = sessionStorage.getItem('blocked') === 'yes';
    window.WebSocket = class extends EventTarget {
      constructor(url) {
        super();
        if (!window.blocked) {
          const socket = new Plain(url);
          window.sockets.push(socket);
          return socket;
        }
        this.readyState = 3;
        setTimeout(() => { this.onerror?.(new Event('error')); this.onclose?.(new Event('close')); });
      }
      close() {}
    };
  });
  const badge = visit.page.locator('header .link');
  await other.order('lines 3000 0');
  await visit.page.goto(other.job);
  await badge.getByText('Live', { exact: true }).waitFor();
  const written = other.order('lines 20000 4000');
  await counted(/^[5-9],\d{3} lines$/, visit.page);
  await visit.page.evaluate(() => {
    window.blocked = true;
    sessionStorage.setItem('blocked', 'yes');
    window.sockets.forEach((socket) => socket.close());
  });
  await badge.getByText('Live by HTTP').waitFor();
  await written;
  await counted(/^23,000 lines$/, visit.page);
  await other.order('end');
  await visit.page.getByText('Every step and every post-condition holds.').waitFor();
  // What the page has is what was written, in its order: read from its rows, which were never fetched.
  const seqs = await rows(visit.page).evaluateAll((all) => all.map((row) => Number(row.dataset.seq)));
  assert.ok(seqs.length > 20 && seqs.every((seq, at) => seq === seqs[0] + at) && seqs.at(-1) === 23_004, seqs.join(' '));
  // Once more, as a replay that is filtered: it knows what has been played.
  await visit.page.getByRole('button', { name: 'Replay', exact: true }).click();
  const replay = visit.page.getByRole('region', { name: 'Replay' });
  await replay.getByRole('slider', { name: 'Position' }).press('End');
  await counted(/^23,000 lines$/, visit.page);
  await visit.page.getByLabel('Level').selectOption('Warnings and errors');
  await counted(/^1,150 of 23,000 lines$/, visit.page);
  await replay.getByRole('button', { name: 'Close replay' }).click();
  await counted(/^23,000 lines$/, visit.page);
  // A page that finds them blocked from the start.
  await visit.page.goto('/');
  await badge.getByText('Live by HTTP').waitFor();
  await accessible(visit.page);
  assert.deepEqual(visit.errors, []);
  await visit.context.close();
  await other.end();
});

test('with scripts off a finished log is read in pages, and filtered by a form', async () => {
  await house.order('end');
  const plain = await browser.newContext({ baseURL: house.url, javaScriptEnabled: false, viewport: { width: 1440, height: 900 } });
  await plain.addCookies(await context.cookies());
  const reader = await plain.newPage();
  for (const [path, text] of [['/', 'Clusters'], ['/inventory', 'Inventory'], ['/jobs', 'Jobs']]) {
    await reader.goto(path);
    await reader.getByRole('heading', { level: 1, name: text }).waitFor();
  }
  await reader.getByRole('link', { name: 'Load pg-test' }).click();
  await reader.getByText('Every step and every post-condition holds.').waitFor();
  assert.equal(await rows(reader).count(), 200);
  const pages = reader.getByRole('navigation', { name: 'Pages of the output' });
  await pages.getByText('Lines 999,801 to 1,000,000 of 1,000,000').waitFor();
  await pages.getByRole('link', { name: 'Previous' }).click();
  await pages.getByText('Lines 999,601 to 999,800 of 1,000,000').waitFor();
  await pages.getByRole('link', { name: 'First' }).click();
  await pages.getByText('Lines 1 to 200 of 1,000,000').waitFor();
  await pages.getByRole('link', { name: 'Next' }).click();
  await pages.getByText('Lines 201 to 400 of 1,000,000').waitFor();
  assert.equal(await rows(reader).first().getAttribute('data-seq'), '205');
  await reader.getByLabel('Find in the output').fill('milestone 9');
  await reader.getByLabel('Level').selectOption('Output');
  await reader.getByRole('button', { name: 'Filter' }).click();
  await pages.getByText('Lines 1 to 11 of 11').waitFor();
  assert.equal(await reader.getByLabel('Find in the output').inputValue(), 'milestone 9');
  assert.equal(await rows(reader).count(), 11);
  await rows(reader).nth(2).getByRole('link').click();
  await lines(reader).locator('.marked', { hasText: 'milestone 91 is reached' }).waitFor();
  await pictures(reader, 'log-plain');
  await plain.close();
});
