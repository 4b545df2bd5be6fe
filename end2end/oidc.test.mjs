// Sign-in by a real OpenID Connect provider, against a console of this file's own beside the lab: its people come from the
// provider's groups, and its admin has a password.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { open, pictures } from './browser.mjs';
import { freePort, startConsole } from './own.mjs';
import { startProvider } from './provider.mjs';

const { PADDOCK_BINARY: BINARY } = process.env;
/** By `sub`. */
const accounts = {
  s1: { preferred_username: 'dora', groups: ['dba', 'everybody'] },
  s2: { preferred_username: 'gus', groups: ['everybody'] },
  s3: { preferred_username: 'admin', groups: ['dba'] },
  s4: { email: 'vera@example.com', email_verified: true, groups: ['watchers'] },
};
const errors = [];
let browser;
let provider;
let folder;
let running;
let url;
let password;

/** Starts the console, and gives what it printed by the time that it answers. */
async function start() {
  const words = [
    '--public-url', url,
    '--oidc-issuer', provider.issuer, '--oidc-client-id', provider.client.id, '--oidc-label', 'Example',
    '--oidc-grant', 'dba=operator:pg-test*', '--oidc-grant', 'dba=viewer', '--oidc-grant', 'watchers=viewer:pg-dev-*',
  ];
  running = await startConsole(folder, url, words, { PADDOCK_OIDC_CLIENT_SECRET: provider.client.secret, RUST_LOG: 'debug' });
  return running.said;
}

const stop = () => running?.stop();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paddock-oidc-'));
  url = `http://127.0.0.1:${await freePort()}`;
  provider = await startProvider(`${url}/sign-in/oidc/callback`, accounts);
  [, password] = (await start()).match(/password: (\S+)/);
  browser = await open();
});

after(async () => {
  await browser?.close();
  await provider?.stop();
  await stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const paddock = (...words) => new Promise((done, failed) =>
  execFile(BINARY, [...words, '--state-dir', join(folder, 'state')], { timeout: 60_000 }, (error, out, said) =>
    (error ? failed(new Error(`${error.message}\n${said}`)) : done(out))));

/** Somebody at a browser of their own. */
async function somebody(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, baseURL: url, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => errors.push(String(error)));
  return page;
}

/** Goes to a page of the console, and by the button to the provider. */
async function toProvider(page, path = '/') {
  await page.goto(path);
  await page.getByRole('link', { name: 'Sign in with Example' }).click();
  await page.getByRole('heading', { name: 'The provider' }).waitFor();
}

/** Signs in at the provider as the account of a `sub`. */
async function as(page, sub, path) {
  await toProvider(page, path);
  await page.getByLabel('Account').fill(sub);
  await page.getByRole('button', { name: 'Continue' }).click();
}

async function byPassword(page, name, typed) {
  await page.goto('/');
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(typed);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const refusal = (page, text) => page.getByRole('alert').filter({ hasText: text }).waitFor();

test('the button leads to the provider and back to the page that was wanted, with what the groups grant', async () => {
  const page = await somebody();
  await page.goto('/jobs');
  await pictures(page, 'sign-in-provider');
  await as(page, 's1', '/jobs');
  await page.getByRole('heading', { name: 'Jobs' }).waitFor();
  assert.equal(page.url(), `${url}/jobs`, 'no code stays in the address');
  await page.goto('/account');
  await page.getByText('operator on pg-test*').waitFor();
  await page.getByText('You sign in by the provider').waitFor();
  assert.equal(await page.getByLabel('Present password').count(), 0);
  await pictures(page, 'account-provider');
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await page.getByRole('link', { name: 'Sign in with Example' }).waitFor();
});

test('it works without JavaScript, and with a verified address for a name', async () => {
  const page = await somebody({ javaScriptEnabled: false });
  await as(page, 's4', '/account');
  await page.getByText('viewer on pg-dev-*').waitFor();
  assert.equal(page.url(), `${url}/account`);
});

test('who has no group with a role, or takes a name that is there, is refused with the reason', async () => {
  let page = await somebody();
  await as(page, 's2', '/jobs');
  await refusal(page, 'You have no role here');
  await pictures(page, 'sign-in-no-group');
  page = await somebody();
  await as(page, 's3');
  await refusal(page, 'Your name is taken here');
  await pictures(page, 'sign-in-name-taken');
  await byPassword(page, 'admin', password);
  await page.getByRole('heading', { name: 'Clusters' }).waitFor();
});

test('who cancels at the provider is told so, and begins again from there', async () => {
  const page = await somebody();
  await toProvider(page, '/jobs');
  await page.getByRole('link', { name: 'Cancel' }).click();
  await refusal(page, 'The provider did not let you in');
  await page.getByRole('link', { name: 'Sign in with Example' }).click();
  await page.getByLabel('Account').fill('s1');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Jobs' }).waitFor();
});

test('a way back that was taken once, or in another browser, leads nowhere', async () => {
  const page = await somebody();
  let back;
  page.on('request', (request) => {
    if (request.url().includes('/callback?')) back = request.url();
  });
  await as(page, 's1');
  await page.getByRole('heading', { name: 'Clusters' }).waitFor();
  assert.match(back, /code=.+&state=/);
  for (const who of [page, await somebody()]) {
    await who.goto(back);
    await refusal(who, 'This sign-in has ended');
    assert.ok(!who.url().includes('code='));
  }
});

test('other groups are other grants at the next sign-in, none are the end of it', async () => {
  const before = await somebody();
  await as(before, 's1');
  await before.getByRole('heading', { name: 'Clusters' }).waitFor();
  accounts.s1.groups = ['watchers'];
  const later = await somebody();
  await as(later, 's1', '/account');
  await later.getByText('viewer on pg-dev-*').waitFor();
  await before.goto('/account');
  await before.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
  accounts.s1.groups = [];
  const last = await somebody();
  await as(last, 's1');
  await refusal(last, 'You have no role here');
  await later.goto('/account');
  await later.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
  accounts.s1.groups = ['dba'];
});

test('who comes by the provider has no password here, and an admin locks them out', async () => {
  const page = await somebody();
  await byPassword(page, 'dora', 'a guess');
  await refusal(page, 'Name or password is wrong');
  await as(page, 's1', '/account');
  await page.getByText('operator on pg-test*').waitFor();
  assert.match(await paddock('user', 'list'), /dora .*signs in by http:\/\/localhost/);
  await assert.rejects(paddock('user', 'passwd', 'dora'), /by the provider/);
  await paddock('user', 'disable', 'dora');
  await page.goto('/account');
  // The provider still knows them, and asks nothing.
  await page.getByRole('link', { name: 'Sign in with Example' }).click();
  await refusal(page, 'You may not sign in');
  await paddock('user', 'enable', 'dora');
});

test('a console starts without its provider, says so, and takes passwords', async () => {
  await provider.stop();
  await stop();
  await start();
  const admin = await somebody();
  await admin.goto('/');
  await admin.getByRole('link', { name: 'Sign in with Example' }).click();
  await refusal(admin, 'The sign-in provider cannot be reached');
  await pictures(admin, 'sign-in-provider-down');
  await byPassword(admin, 'admin', password);
  await admin.getByRole('heading', { name: 'Clusters' }).waitFor();
  await admin.goto('/people');
  await admin.getByRole('row').filter({ hasText: 'dora' }).filter({ hasText: 'by the provider' }).waitFor();
  await pictures(admin, 'people-provider');
  await admin.goto('/audit?name=dora');
  await admin.getByRole('row').filter({ hasText: 'person/role' }).filter({ hasText: 'by groups at the provider' }).first().waitFor();
  await admin.getByRole('row').filter({ hasText: 'sign-in' }).filter({ hasText: 'signed in by Example' }).first().waitFor();
});

test('the log verifies, and holds no code, token or secret', async () => {
  assert.match(await paddock('audit', 'verify'), /\d+ rows, each as it was written/);
  const kept = (await readFile(join(folder, 'log'), 'utf8')) + (await paddock('audit', 'export'));
  assert.match(kept, /signed in by the provider/);
  for (const secret of [provider.client.secret, 'code=', 'state=', 'eyJ']) assert.ok(!kept.includes(secret), secret);
  assert.deepEqual(errors, []);
});
