// Many at once: 200 browsers on one job, pages under load, 20 tabs that save the inventory in the same moment.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { open, signedIn } from './browser.mjs';
import { on } from './lab.mjs';

const BROWSERS = 200;
/** Requests a second, and for how many seconds: a machine that runs other tests beside this one is not asked for the rate. */
const RATE = 1000;
const SECONDS = Number(process.env.PADDOCK_LOAD ?? 10);
const PAGES = ['/', '/jobs', '/jobs/1', '/inventory', '/nodes'];
const TABS = 20;
const { PADDOCK_BINARY: BINARY, PADDOCK_STATE_DIR: STATE, PADDOCK_URL: URL } = process.env;

let browser;
let page;
let errors;
let cookie;
let token;

before(async () => {
  browser = await open();
  let context;
  ({ page, context, errors } = await signedIn(browser));
  cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  const paddock = promisify(execFile);
  await paddock(BINARY, ['user', 'add', 'ann', '--role', 'operator', '--state-dir', STATE]);
  token = (await paddock(BINARY, ['token', 'add', 'ann', '--label', 'load', '--expires', '1d', '--state-dir', STATE])).stdout.trim();
});
after(() => browser?.close());

/** MiB that the console has in memory. */
async function memory() {
  for (const pid of await readdir('/proc')) {
    const words = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') : '';
    if (words.startsWith(`${BINARY}\0serve`) && words.includes(STATE)) {
      return Number((await readFile(`/proc/${pid}/status`, 'utf8')).match(/^VmRSS:\s+(\d+) kB/m)[1]) / 1024;
    }
  }
  throw new Error('the console does not run');
}

test(`${BROWSERS} browsers follow one job, and each has every event once and in order`, async () => {
  await page.evaluate((count) => new Promise((opened, failed) => {
    let waits = count;
    window.seen = Array.from({ length: count }, () => []);
    window.sockets = window.seen.map((seen) => {
      const socket = new WebSocket(`ws://${location.host}/ws`);
      socket.onopen = () => (waits -= 1) || opened();
      socket.onerror = () => failed(new Error('a socket was refused'));
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.type === 'events') seen.push(...message.events);
        if (message.type === 'problem') failed(new Error(data));
      };
      return socket;
    });
  }), BROWSERS);
  const ran = new Promise((resolve, reject) => {
    const child = spawn(BINARY, ['node-add', '10.10.10.10'], { env: { ...process.env, PADDOCK_TOKEN: token } });
    let [out, err] = ['', ''];
    let asked = false;
    child.stdout.on('data', (data) => {
      out += data;
      const job = Number(out.match(/^job (\d+): http/m)?.[1]);
      if (job && !asked) {
        asked = true;
        page.evaluate((id) => window.sockets.forEach((one) => one.send(JSON.stringify({ type: 'subscribe_job', job: id, from_seq: 0 }))), job).catch(reject);
      }
    });
    child.stderr.on('data', (data) => (err += data));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, said: out + err }));
  });
  const { code, said } = await ran;
  assert.equal(code, 0, said);
  const done = (all) => all.every((seen) => seen.at(-1)?.kind?.type === 'job_finished' || JSON.stringify(seen.at(-1)).includes('job_finished'));
  await page.waitForFunction(done.toString().replace(/^\(all\)/, '(all = window.seen)'), null, { timeout: 60_000 });
  const counts = await page.evaluate(() => window.seen.map((seen) => [seen.length, seen.every(({ seq }, index) => seq === seen[0].seq + index)]));
  const [first] = counts;
  assert.ok(first[0] > 50, `${first[0]} events`);
  assert.deepEqual(counts, counts.map(() => [first[0], true]));
  await page.evaluate(() => window.sockets.forEach((one) => one.close()));
  await on(10, '[ -e /etc/paddock/node.ready ]');
  console.log(`${BROWSERS} browsers had ${first[0]} events each; the console has ${(await memory()).toFixed(0)} MiB`);
});

test('pages are answered under load, without an error and in bounded memory', async () => {
  const before = await memory();
  const times = [];
  let sent = 0;
  const begun = performance.now();
  const due = () => Math.min((performance.now() - begun) / 1000, SECONDS) * RATE;
  const worker = async () => {
    while (performance.now() - begun < SECONDS * 1000) {
      if (sent >= due()) {
        await new Promise((later) => setTimeout(later, 2));
        continue;
      }
      const path = PAGES[sent % PAGES.length];
      sent += 1;
      const since = performance.now();
      const response = await fetch(URL + path, { headers: { cookie } });
      const body = await response.text();
      assert.equal(response.status, 200, `${path}: ${body.slice(0, 200)}`);
      assert.ok(body.includes('</html>'), `${path} is cut off`);
      times.push(performance.now() - since);
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  const seconds = (performance.now() - begun) / 1000;
  times.sort((a, b) => a - b);
  const [median, late] = [times[times.length >> 1], times[Math.floor(times.length * 0.99)]];
  const now = await memory();
  console.log(`${(times.length / seconds).toFixed(0)} pages/s for ${seconds.toFixed(0)} s: median ${median.toFixed(0)} ms, 99 % within ${late.toFixed(0)} ms; memory ${before.toFixed(0)} to ${now.toFixed(0)} MiB`);
  assert.ok(now < before + 150, `${before} to ${now} MiB`);
});

test(`of ${TABS} tabs that save the inventory at once, none loses what was typed`, async () => {
  const pages = await Promise.all(Array.from({ length: TABS }, async () => {
    const one = await page.context().newPage();
    one.setDefaultTimeout(60_000);
    await one.goto('/inventory');
    await one.waitForLoadState('networkidle');
    return one;
  }));
  const text = (one) => one.getByRole('textbox', { name: 'Inventory text' });
  for (const [number, one] of pages.entries()) {
    await text(one).fill(`${(await text(one).inputValue()).trimEnd()}\n# written in tab ${number}\n`);
  }
  await Promise.all(pages.map((one) => one.getByRole('button', { name: 'Save' }).click()));
  const saved = (one) => one.getByText(/Saved as revision \d+/).first();
  const refused = (one) => one.getByRole('alert').first();
  let [kept, shown] = [0, 0];
  for (const [number, one] of pages.entries()) {
    await saved(one).or(refused(one)).first().waitFor();
    if (await saved(one).count()) kept += 1;
    else {
      shown += 1;
      assert.match(await text(one).inputValue(), new RegExp(`# written in tab ${number}$`, 'm'), 'what was typed is still there');
    }
  }
  assert.equal(kept + shown, TABS);
  assert.ok(kept >= 1, 'somebody is the first');
  await page.goto('/inventory');
  await page.waitForLoadState('networkidle');
  const inForce = await text(page).inputValue();
  const there = (inForce.match(/# written in tab \d+/g) ?? []).length;
  console.log(`${kept} saved, ${shown} were shown a conflict, ${there} are in force`);
  assert.equal(there, kept, 'whoever was told "saved" is in force');
  assert.deepEqual(errors, []);
});
