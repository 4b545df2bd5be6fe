// What the console says of itself and of how clusters hang together, in a console of this file's own: no node is behind it.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessible, open, pictures, signedIn } from './browser.mjs';
import { freePort, startConsole } from './own.mjs';

const SECRET = 'C4nary-of-the-webhook';
let folder;
let console_;
let hook; // takes what is told
let told = 0;
let browser;
let page;
let errors;
let url;

const cluster = (name, number, more = '') =>
  `    ${name}:\n      hosts:\n        127.65.0.${number}: { pg_seq: 1, pg_role: primary${more} }\n      vars: { pg_cluster: ${name} }\n`;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paddock-console-'));
  hook = createServer((request, answer) => {
    told += 1;
    request.resume().on('end', () => answer.end());
  });
  await new Promise((done) => hook.listen(0, '127.0.0.1', done));
  const text = `all:\n  vars: { ansible_port: ${await freePort()} }\n  children:\n    etcd:\n      hosts:\n        127.65.0.9: { etcd_seq: 1 }\n${
    cluster('pg-main', 1)}${cluster('pg-dr', 2, ', pg_upstream: 127.65.0.1')}${cluster('pg-copy', 3, ', pg_pitr: { cluster: pg-main }')}`;
  await writeFile(join(folder, 'pigsty.yml'), text);
  await writeFile(join(folder, 'secret'), SECRET);
  await writeFile(join(folder, 'paddock.toml'), [
    'ssh_user = "operator"',
    '[[notify]]', 'name = "oncall"', 'kind = "webhook"',
    `url = "http://127.0.0.1:${hook.address().port}/C4nary"`,
    `secret_file = "${join(folder, 'secret')}"`, 'events = ["*"]', '',
  ].join('\n'));
  url = `http://127.0.0.1:${await freePort()}`;
  console_ = await startConsole(folder, url, ['--config', join(folder, 'paddock.toml'), '--seed-inventory', join(folder, 'pigsty.yml')]);
  browser = await open();
  ({ page, errors } = await signedIn(browser, { url, password: console_.password }));
});
after(async () => {
  await browser?.close();
  await console_?.stop();
  hook?.close();
  await rm(folder, { recursive: true, force: true });
});

test('a standby cluster and a clone are drawn beside their source, and a click leads there', async () => {
  // A picture is drawn by the server, and by the browser for who follows a link.
  await page.goto('/clusters/pg-main');
  const picture = page.getByRole('region', { name: 'Topology' });
  await picture.getByRole('link', { name: /^pg-dr, standby cluster/ }).waitFor();
  await page.getByRole('link', { name: 'Clusters' }).first().click();
  await page.getByRole('link', { name: 'pg-main', exact: true }).click();
  await picture.getByRole('link', { name: /^pg-dr, standby cluster/ }).waitFor();
  await picture.getByRole('link', { name: /^pg-copy, clone by PITR/ }).waitFor();
  await picture.getByRole('link', { name: '127.65.0.9' }).waitFor();
  await accessible(page);
  await pictures(page, 'cluster-links');
  await picture.getByRole('link', { name: /^pg-main-1, / }).click();
  const panel = page.getByRole('group', { name: 'Actions for pg-main-1' });
  await panel.waitFor();
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'hidden' });
  await picture.getByRole('link', { name: /^pg-dr, / }).click();
  await page.waitForURL('**/clusters/pg-dr');
  await picture.getByRole('link', { name: /^pg-main, upstream/ }).waitFor();
  assert.equal(await picture.getByRole('link', { name: /pg-copy/ }).count(), 0);
});

test('drift says what could not be compared, and why', async () => {
  await page.goto('/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Drift' }).click();
  await page.waitForURL('**/drift');
  await page.getByRole('heading', { name: 'Not compared' }).waitFor();
  await page.getByText('Nothing could be compared yet').waitFor();
  const silent = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: 'pg-copy', exact: true }) });
  await page.waitForFunction(() => !document.body.innerText.includes('not looked at yet') || document.querySelector('.head button').click(), undefined, { timeout: 30_000, polling: 1_000 });
  assert.match(await silent.innerText(), /127\.65\.0\.3|refused/);
  await accessible(page);
  await pictures(page, 'drift-unread');
  await page.goto('/drift?cluster=pg-main');
  await page.getByRole('heading', { name: 'Drift of pg-main' }).waitFor();
  assert.equal(await page.getByText('pg-copy').count(), 0);
});

test('a page that is loaded anew says how long ago something was', async () => {
  await page.goto('/inventory/history');
  await page.getByRole('table', { name: 'Revisions' }).getByText(/ ago$|^just now$/).first().waitFor({ timeout: 900 });
});

test('the settings say what is in force, who decides it and how notifications go, and no secret', async () => {
  await page.goto('/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Settings' }).click();
  await page.waitForURL('**/settings');
  const row = (name) => page.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });
  const says = async (name, ...words) => {
    const said = await row(name).innerText();
    for (const word of words) assert.ok(said.includes(word), `${name}: ${said}`);
  };
  await says('Address to listen on', new URL(url).host, '--listen');
  await says('User', 'operator', join(folder, 'paddock.toml'), 'ssh_user');
  await says('State directory', join(folder, 'state'), '--state-dir');
  await says('Host keys', 'built in');
  await says('Provider (OpenID Connect)', 'none');
  await says('oncall', 'webhook', '*', 'all');
  // The sign-in was told there.
  await page.waitForFunction(() => document.querySelector('table[aria-label="Notifications"] time') || (location.reload(), false), undefined, { timeout: 30_000, polling: 2_000 });
  assert.ok(told > 0);
  const html = await (await page.request.get('/settings')).text();
  assert.ok(!html.includes('C4nary'), 'neither the secret nor the address, which may be one');
  await accessible(page);
  await pictures(page, 'settings');
  hook.close();
  hook.closeAllConnections();
  await page.request.post('/sign-in', { form: { name: 'nobody', password: 'x', next: '/' } });
  for (const end = Date.now() + 30_000; !(await page.getByText('does not answer').count()); await page.reload()) {
    assert.ok(Date.now() < end, 'a destination that takes nothing is said');
  }
  assert.ok(!(await page.content()).includes('C4nary'));
  assert.deepEqual(errors, []);
});
