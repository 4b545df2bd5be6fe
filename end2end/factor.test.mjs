// A second factor, a token with a scope, and the approval policy, as a person meets them in the browser.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { open, pictures, signedIn, visitor } from './browser.mjs';

const { PADDOCK_BINARY: BINARY, PADDOCK_STATE_DIR: STATE, PADDOCK_URL: URL, PADDOCK_PASSWORD: PASSWORD } = process.env;
let browser;
let page;
let errors;
let codes;

before(async () => {
  browser = await open();
  ({ page, errors } = await signedIn(browser));
});
after(() => browser?.close());

/** The code of an authenticator app at this moment (RFC 6238: SHA-1, 30 s, 6 digits). */
function codeOf(key) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...key.replace(/\s/g, '')].map((one) => letters.indexOf(one).toString(2).padStart(5, '0')).join('');
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac('sha1', secret).update(step).digest();
  const at = mac.at(-1) & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Somebody at a browser of their own who has typed name and password. */
async function afterPassword() {
  const context = await visitor(browser);
  const own = await context.newPage();
  own.setDefaultTimeout(20_000);
  await own.goto('/');
  await own.getByLabel('Name').fill('admin');
  await own.getByLabel('Password').fill(PASSWORD);
  await own.getByRole('button', { name: 'Sign in' }).click();
  await own.getByLabel('Code of your app').waitFor();
  return own;
}

test('a second factor is set up, and its recovery codes are shown once', async () => {
  await page.goto('/account');
  await page.waitForLoadState('networkidle');
  await pictures(page, 'account-factor-none');
  const set = page.getByRole('form', { name: 'Set up a second factor' });
  await set.getByLabel('Your password').fill(PASSWORD);
  await set.getByRole('button').click();
  const confirm = page.getByRole('form', { name: 'Confirm the second factor' });
  const key = await confirm.locator('code').innerText();
  await pictures(page, 'account-factor-key');
  await confirm.getByLabel('Code that the app shows').fill(codeOf(key));
  await confirm.getByRole('button').click();
  const shown = page.getByRole('region', { name: 'Recovery codes' });
  await shown.waitFor();
  codes = (await shown.innerText()).match(/\b[A-Z2-7]{4}(-[A-Z2-7]{4}){5}\b/g);
  assert.equal(codes.length, 10);
  await pictures(page, 'account-factor-codes');
  await page.reload();
  await page.getByText('10 recovery codes are left').waitFor();
  assert.equal(await shown.count(), 0);
});

test('a password alone does not sign in any more; a recovery code does, once', async () => {
  const own = await afterPassword();
  await pictures(own, 'sign-in-code');
  await own.goto('/');
  await own.getByLabel('Password').waitFor();
  for (const [code, good] of [['000000', false], [codes[0], true]]) {
    const next = await afterPassword();
    await next.getByLabel('Code of your app').fill(code);
    await next.getByRole('button', { name: 'Sign in' }).click();
    if (good) await next.getByRole('heading', { name: 'Clusters' }).waitFor();
    else await next.getByRole('alert').filter({ hasText: 'not a code of now' }).waitFor();
  }
  const again = await afterPassword();
  await again.getByLabel('Code of your app').fill(codes[0]);
  await again.getByRole('button', { name: 'Sign in' }).click();
  await again.getByRole('alert').waitFor();
});

test('a token of narrow scope does what it may and nothing else, and is revoked from the page', async () => {
  await page.goto('/account');
  await page.waitForLoadState('networkidle');
  const form = page.getByRole('form', { name: 'Make a token' });
  await form.getByLabel('What it is for').fill('a dashboard');
  await form.getByLabel('At most this role').selectOption('viewer');
  await form.getByRole('button').click();
  const token = await page.getByRole('region', { name: 'New token' }).locator('code').innerText();
  await pictures(page, 'account-tokens');
  const ask = (path, method = 'GET') => fetch(`${URL}/api/v1${path}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, ...(method === 'POST' && { body: '{"words":["node-add","10.10.10.10"]}' }) });
  assert.equal((await ask('/clusters')).status, 200);
  assert.equal((await ask('/plans', 'POST')).status, 403);
  await page.reload();
  await page.waitForLoadState('networkidle');
  await page.getByRole('row').filter({ hasText: 'a dashboard' }).getByRole('button').click();
  await page.getByRole('row').filter({ hasText: 'a dashboard' }).waitFor({ state: 'detached' });
  assert.equal((await ask('/clusters')).status, 401);
});

test('the policy is read by everybody who reads the console, and changed by an admin', async () => {
  await page.goto('/policy');
  await page.waitForLoadState('networkidle');
  const text = page.getByRole('textbox', { name: 'Policy text' });
  await text.fill('[[rule]]\nclusters = ["pg-prod-*"]\napprovers = "two"\n');
  await page.getByRole('button', { name: 'Save the policy' }).click();
  await page.getByRole('alert').filter({ hasText: 'approvers' }).waitFor();
  assert.match(await text.inputValue(), /"two"/, 'what was typed is still there');
  await text.fill('[[rule]]\nclusters = ["pg-prod-*"]\napprovers = 2\nbackup_within = "12h"\n\n[[freeze]]\nclusters = ["pg-prod-*"]\nfrom = "2026-12-20 18:00"\nto = "2027-01-02 08:00"\nreason = "end of the year"\n');
  await page.getByRole('button', { name: 'Save the policy' }).click();
  await page.getByText('It holds from now on').waitFor();
  await page.getByRole('table', { name: 'Rules' }).getByRole('row').filter({ hasText: 'pg-prod-*' }).filter({ hasText: '12 h' }).waitFor();
  await page.getByRole('table', { name: 'Freezes' }).getByRole('row').filter({ hasText: 'end of the year' }).waitFor();
  await pictures(page, 'policy');
  const said = await new Promise((done, failed) => execFile(BINARY, ['policy', 'show', '--state-dir', STATE], (error, out) => (error ? failed(error) : done(out))));
  assert.match(said, /approvers = 2/);
  assert.deepEqual(errors, []);
});
