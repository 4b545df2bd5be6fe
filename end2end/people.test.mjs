// Two people and what is on record of them: a changed password ends the other sessions, a refusal and its reason are kept, the log verifies.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { open, pictures, signedIn, visitor } from './browser.mjs';
import { on } from './lab.mjs';

const ANN = { name: 'ann', password: 'she types it twice a day' };
let browser;
let page; // the first admin's
let errors;

before(async () => {
  browser = await open();
  ({ page, errors } = await signedIn(browser));
  await paddock(['user', 'add', ANN.name, '--role', 'operator', '--password-stdin'], ANN.password);
});
after(() => browser?.close());

/** Runs the program on the console's own machine and gives what it printed; a failure carries what it said. */
function paddock(words, input = '') {
  return new Promise((done, failed) => {
    const all = [...words, '--state-dir', process.env.PADDOCK_STATE_DIR];
    const child = execFile(process.env.PADDOCK_BINARY, all, { timeout: 60_000 }, (error, out, said) =>
      error ? failed(new Error(`${error.message}\n${said}`)) : done(out));
    // A program that ends before it reads.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** A browser of somebody's own, signed in. */
async function as({ name, password }) {
  const context = await visitor(browser);
  const own = await context.newPage();
  own.setDefaultTimeout(20_000);
  await own.goto('/');
  await own.getByLabel('Name').fill(name);
  await own.getByLabel('Password').fill(password);
  await own.getByRole('button', { name: 'Sign in' }).click();
  return own;
}

const asAnn = () => as(ANN);

test('a changed password ends the other sessions and not this one', async () => {
  const here = await asAnn();
  await here.getByRole('heading', { name: 'Clusters' }).waitFor();
  const there = await asAnn();
  await there.getByRole('heading', { name: 'Clusters' }).waitFor();
  await here.goto('/account');
  await pictures(here, 'account');
  const change = async (current, one, two) => {
    await here.getByLabel('Present password').fill(current);
    await here.getByLabel('New password', { exact: true }).fill(one);
    await here.getByLabel('New password again').fill(two);
    await here.getByRole('button', { name: 'Change the password' }).click();
  };
  await change('not that one', 'another good one', 'another good one');
  await here.getByRole('alert').filter({ hasText: 'The present password is another one' }).waitFor();
  await change(ANN.password, 'another good one', 'another good one');
  await here.getByRole('status').filter({ hasText: 'Your password was changed' }).waitFor();
  await here.goto('/');
  await here.getByRole('heading', { name: 'Clusters' }).waitFor();
  await there.goto('/');
  await there.getByRole('button', { name: 'Sign in' }).waitFor();
  ANN.password = 'another good one';
});

test('an operator does not see the audit log; an admin does, and it names what was refused', async () => {
  const own = await asAnn();
  await own.getByRole('heading', { name: 'Clusters' }).waitFor();
  await own.goto('/audit');
  await own.getByRole('alert').first().waitFor();
  await page.goto('/audit');
  const log = page.getByRole('table', { name: 'Audit log' });
  await log.getByRole('row').filter({ hasText: ANN.name }).filter({ hasText: 'refused' }).first().waitFor();
  await pictures(page, 'audit');
  await page.getByLabel('Who').fill(ANN.name);
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.waitForURL(/name=ann/);
  assert.equal(await log.getByRole('row').filter({ hasText: 'admin' }).filter({ hasNotText: ANN.name }).count(), 0);
  assert.ok(!(await page.content()).includes(ANN.password), 'no password is on record');
});

test('a host key that nobody knows is compared and trusted by an admin, and by nobody else', async () => {
  const file = join(process.env.PADDOCK_STATE_DIR, 'ssh/known_hosts');
  const known = await readFile(file, 'utf8');
  await writeFile(file, known.replace(/^10\.10\.10\.10 .*\n/m, ''));
  assert.notEqual(await readFile(file, 'utf8'), known);
  const own = await asAnn();
  await own.getByRole('heading', { name: 'Clusters' }).waitFor();
  const shown = async (who) => {
    await who.goto('/nodes');
    await who.waitForLoadState('networkidle');
    await who.getByRole('button', { name: 'Check connections' }).click();
    const node = who.getByRole('listitem', { name: '10.10.10.10' });
    await node.getByText('Unknown host key').waitFor();
    return node;
  };
  const button = { name: 'Trust the host key of 10.10.10.10' };
  assert.ok(await (await shown(own)).getByRole('button', button).isDisabled());
  const node = await shown(page);
  const printed = await on(10, 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub');
  await node.getByText(printed.split(' ')[1]).waitFor();
  await pictures(page, 'nodes-host-key');
  await node.getByRole('button', button).click();
  await page.getByText(/^Signed in to \d+ nodes?\.$/).waitFor();
  assert.deepEqual((await readFile(file, 'utf8')).split('\n').filter(Boolean).sort(), known.split('\n').filter(Boolean).sort());
  await page.goto('/audit?act=host-key');
  await page.getByRole('row').filter({ hasText: 'host-key/trust' }).filter({ hasText: printed.split(' ')[1] }).waitFor();
});

test('somebody whose role is for some clusters sees these and no others', async () => {
  const cluster = (name, node) => [`    ${name}:`, `      hosts: { ${node}: { pg_seq: 1, pg_role: primary } }`, `      vars: { pg_cluster: ${name} }`, ''];
  await page.goto('/inventory');
  await page.waitForLoadState('networkidle');
  const text = page.getByRole('textbox', { name: 'Inventory text' });
  const added = [...cluster('pg-dev-a', '10.10.10.11'), ...cluster('pg-prod-a', '10.10.10.12')].join('\n');
  await text.fill((await text.inputValue()).replace(/^ {4}etcd:/m, (etcd) => `${added}\n${etcd}`));
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(/Saved as revision \d+/).waitFor();

  const eve = { name: 'eve', password: 'only what is hers' };
  await paddock(['user', 'add', eve.name, '--role', 'operator', '--clusters', 'pg-dev-*', '--password-stdin'], eve.password);
  const own = await as(eve);
  await own.getByRole('link', { name: 'pg-dev-a' }).first().waitFor();
  await pictures(own, 'clusters-of-eve');
  for (const path of ['/', '/inventory', '/nodes', '/jobs']) {
    await own.goto(path);
    await own.waitForLoadState('networkidle');
    assert.doesNotMatch(await own.content(), /pg-prod-a|10\.10\.10\.12/, path);
  }
  await own.goto('/clusters/pg-prod-a');
  await own.getByRole('alert').first().waitFor();
  await own.goto('/clusters/pg-dev-a?tab=operations');
  await own.waitForLoadState('networkidle');
  await own.getByRole('form').first().waitFor({ state: 'attached' });
  await page.goto('/people');
  await page.getByRole('row').filter({ hasText: eve.name }).filter({ hasText: 'pg-dev-*' }).waitFor();
  await pictures(page, 'people');
});

test('somebody who is disabled is out at once', async () => {
  const own = await asAnn();
  await own.getByRole('heading', { name: 'Clusters' }).waitFor();
  await paddock(['user', 'disable', ANN.name]);
  await own.goto('/inventory');
  await own.getByRole('button', { name: 'Sign in' }).waitFor();
});

test('the log verifies, and is exported whole', async () => {
  assert.match(await paddock(['audit', 'verify']), /\d+ rows, each as it was written/);
  const rows = (await paddock(['audit', 'export'])).trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(rows.map((row) => row.id), rows.map((_, at) => at + 1));
  const acts = new Set(rows.map((row) => row.act));
  assert.ok(acts.has('sign-in'), [...acts].join(' '));
  assert.deepEqual(errors, []);
});
