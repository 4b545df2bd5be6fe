// What goes wrong in real life: each time a clear error in the page, and the same operation works once the cause is gone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { open, pictures, signedIn } from './browser.mjs';
import { lab, on } from './lab.mjs';

const MEMBERS = [
  '        10.10.10.11: { pg_seq: 1, pg_role: primary }',
  '        10.10.10.12: { pg_seq: 2, pg_role: replica, ansible_user: admin }',
  '        10.10.10.13: { pg_seq: 3, pg_role: replica }',
];
let browser;
let page;
let errors;
let seed;

before(async () => {
  browser = await open();
  ({ page, errors } = await signedIn(browser));
  await page.goto('/inventory');
  seed = await editor().inputValue();
});
after(() => browser?.close());

const editor = () => page.getByRole('textbox', { name: 'Inventory text' });
const findings = () => page.getByRole('complementary', { name: 'Findings' });
const withCluster = (members) => seed.replace(/^ {4}etcd:/m, (etcd) =>
  `    pg-test:\n      hosts:\n${members.join('\n')}\n      vars: { pg_cluster: pg-test }\n\n${etcd}`);

/** Types a whole inventory into the page. */
async function type(text) {
  await page.goto('/inventory');
  await hydrated();
  await editor().fill(text);
}

/** Waits until the page is live: before that, what is typed is not seen. */
async function hydrated() {
  await page.waitForLoadState('networkidle');
}

async function save(text) {
  await type(text);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(/Saved as revision \d+/).waitFor();
}

/** Presses Create and gives the refusal that the page shows instead of a plan. */
async function refusal() {
  await page.goto('/clusters/pg-test?tab=operations');
  await hydrated();
  const action = page.getByRole('region', { name: 'Create' });
  await action.getByRole('button', { name: 'Create' }).click();
  const problem = action.getByRole('alert');
  await problem.waitFor({ timeout: 90_000 });
  return problem.innerText();
}

/** Presses Create, runs the plan, gives the job's page when it has begun. */
async function create() {
  await page.goto('/clusters/pg-test?tab=operations');
  await hydrated();
  await page.getByRole('button', { name: 'Create' }).click();
  await page.waitForURL(/\/plans\/\d+/, { timeout: 90_000 });
  await hydrated();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/jobs\/\d+/, { timeout: 60_000 });
}

/** How the running job ends, as the page says it. */
async function end(timeout) {
  const good = page.getByText('Every step and every post-condition holds');
  const bad = page.getByRole('alert').filter({ hasText: 'It failed' });
  await good.or(bad).first().waitFor({ timeout });
  return (await bad.count()) ? { failed: await bad.innerText() } : { failed: null };
}

/** Asks every half second until the command says yes, at most `seconds`. */
async function until(node, command, seconds) {
  await on(node, `for i in $(seq ${seconds * 2}); do ${command} && exit 0; sleep 0.5; done; echo "not within ${seconds} s" >&2; exit 1`);
}

for (const [name, change, code] of [
  ['a broken YAML', (members) => [...members, '        10.10.10.14: { pg_seq: 4, pg_role: [ }'], 'yaml/syntax'],
  ['two primaries', (members) => members.map((line) => line.replace('replica', 'primary')), 'pgsql/two-primaries'],
  ['a sequence number given twice', (members) => members.map((line) => line.replace('pg_seq: 3', 'pg_seq: 2')), 'pgsql/duplicate-seq'],
  ['no primary', (members) => members.slice(1), 'pgsql/no-primary'],
]) {
  test(`${name} is named beside the text while typing`, async () => {
    await type(withCluster(change(MEMBERS)));
    await findings().getByText(code).first().waitFor();
    await pictures(page, `finding-${code.replace('/', '-')}`);
    await editor().fill(seed);
    await findings().getByText('no findings').waitFor();
  });
}

test('an inventory that is not YAML is not saved', async () => {
  await type(`${seed}\n  broken: [`);
  await findings().getByText('yaml/syntax').first().waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').first().waitFor();
  await page.goto('/inventory');
  assert.equal(await editor().inputValue(), seed, 'the kept text is the old one');
});

// Before the console has signed in to it, which it does as soon as it is declared: a connection that is open stays good.
test('a node that does not accept the key stops the plan and is named', async () => {
  await on(12, 'mv /home/admin/.ssh/authorized_keys /root/kept');
  try {
    await save(withCluster(MEMBERS));
    const said = await refusal();
    assert.match(said, /10\.10\.10\.12/);
    assert.match(said, /key|refuse|denied|authenticat/i);
    await pictures(page, 'refused-wrong-key');
  } finally {
    await on(12, 'mv /root/kept /home/admin/.ssh/authorized_keys');
  }
});

test('an address where no server is stops the plan and is named', async () => {
  await save(withCluster(MEMBERS.map((line) => line.replace('10.10.10.13', '10.10.10.19'))));
  assert.match(await refusal(), /10\.10\.10\.19/);
  await pictures(page, 'refused-unknown-host');
});

test('the history says what a revision changed, and takes it back in the editor', async () => {
  await page.goto('/inventory');
  await page.getByRole('link', { name: 'History' }).click();
  const revisions = page.getByRole('table', { name: 'Revisions' });
  await revisions.waitFor();
  await pictures(page, 'inventory-history');
  const newest = await revisions.getByRole('link').first().innerText();
  await revisions.getByRole('link', { name: newest, exact: true }).click();
  await page.getByRole('heading', { name: `Revision ${newest}` }).waitFor();
  const changed = async (kind) => (await page.locator(`pre.diff .${kind}`).allInnerTexts()).join('\n');
  assert.match(await changed('added'), /10\.10\.10\.19/);
  assert.match(await changed('removed'), /10\.10\.10\.13/);
  await pictures(page, 'inventory-revision');
  await page.getByRole('link', { name: 'Undo this change' }).click();
  await page.waitForFunction((want) => document.querySelector('textarea')?.value === want, withCluster(MEMBERS));
  assert.equal(await page.getByPlaceholder('What this change is for').inputValue(), `undoes revision ${newest}`);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(`Saved as revision ${Number(newest) + 1}`).waitFor();
  await page.goto('/inventory/blame');
  const line = page.getByRole('table', { name: 'Lines and where they are from' }).getByRole('row').filter({ hasText: '10.10.10.13' }).filter({ hasNotText: '#' });
  assert.match(await line.innerText(), new RegExp(`^${Number(newest) + 1} admin`));
  await pictures(page, 'inventory-blame');
  assert.deepEqual(errors, []);
});

test('a node that is down stops the plan and is named', async () => {
  // The undoing above has declared the members again.
  await lab('stop', '13');
  try {
    assert.match(await refusal(), /10\.10\.10\.13/);
    await pictures(page, 'refused-node-down');
  } finally {
    await lab('start', '13');
  }
});

// With room the same operation succeeds: the next test's second run.
test('a full disk fails the job with step and reason', async () => {
  await on(11, 'mkdir -p /data && mount -t tmpfs -o size=20m tmpfs /data');
  try {
    await create();
    const { failed } = await end(240_000);
    assert.match(failed ?? 'it succeeded', /10\.10\.10\.11|pg-test-1/);
    assert.match(failed, /space|full/i);
    await pictures(page, 'job-full-disk');
  } finally {
    await on(11, 'systemctl stop patroni; umount -l /data');
  }
});

test('a node unplugged while it clones fails the job in time; mended, a second run completes the cluster', async () => {
  // The clone is made slow, so that it can be cut in the middle.
  await lab('exec', 'tc', 'qdisc', 'add', 'dev', 'v12', 'root', 'tbf', 'rate', '12mbit', 'burst', '64k', 'latency', '400ms');
  try {
    await create();
    await until(12, 'pgrep -x pg_basebackup >/dev/null', 180);
    await lab('cut', '12');
    const { failed } = await end(240_000);
    assert.match(failed ?? 'it succeeded', /10\.10\.10\.12|pg-test-2/);
    await pictures(page, 'job-unplugged');
  } finally {
    await lab('exec', 'tc', 'qdisc', 'del', 'dev', 'v12', 'root');
    await lab('mend', '12');
  }
  await create();
  assert.equal((await end(240_000)).failed, null);
});

test('without etcd the job fails and says so; with etcd the same operation succeeds', async () => {
  await on(10, 'systemctl stop etcd && systemctl mask --runtime etcd');
  // The cluster goes on by Patroni's failsafe; who looks at it is told what it is without.
  await page.goto('/clusters/pg-test');
  await page.getByText(/Patroni has not reached etcd since \d\d:\d\d:\d\d UTC, so nobody can take over/).first().waitFor({ timeout: 120_000 });
  await pictures(page, 'cluster-without-etcd');
  await page.goto('/clusters/pg-test?tab=operations');
  await hydrated();
  await page.getByRole('button', { name: 'Create' }).click();
  const refused = page.getByRole('region', { name: 'Create' }).getByRole('alert');
  await refused.or(page.getByRole('button', { name: 'Run', exact: true })).first().waitFor({ timeout: 90_000 });
  let said;
  if (await refused.count()) {
    said = await refused.innerText();
  } else {
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.waitForURL(/\/jobs\/\d+/, { timeout: 60_000 });
    said = (await end(240_000)).failed ?? 'it succeeded';
  }
  assert.match(said, /etcd/i);
  await pictures(page, 'etcd-down');
  await on(10, 'systemctl unmask --runtime etcd && systemctl start etcd');
  await create();
  assert.equal((await end(240_000)).failed, null);
  assert.deepEqual(errors, []);
});
