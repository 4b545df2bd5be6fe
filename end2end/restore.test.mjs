// Points in time from the page: a clone at each of the five targets, and a removed cluster that comes back from its kept backups.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { open, pictures } from './browser.mjs';
import { errors, form, inventory, page, plan, psql, roles, run, runApproved, saveInventory, sitDown, tab, until } from './desk.mjs';
import { on, tryOn } from './lab.mjs';

let browser;

before(async () => {
  browser = await open();
  await sitDown(browser);
});
after(() => browser?.close());

const SOURCE = [
  '    pg-src:',
  '      hosts: { 10.10.10.11: { pg_seq: 1, pg_role: primary } }',
  '      vars: { pg_cluster: pg-src }',
  '',
];
const mark = (node, name) => on(node, psql(`insert into mark values ('${name}')`));
const marks = (node) => on(node, psql("select string_agg(name, ' ' order by name) from mark"));
/** What each target is, and the marks that a clone at it has. */
const targets = [];

test('a cluster keeps its backups on a repository host', async () => {
  await saveInventory((text) => text
    .replace(/^ {4}etcd:/m, (etcd) => [
      '    backups: { hosts: { 10.10.10.14: {} } }', '', ...SOURCE, etcd].join('\n'))
    .replace(/^ {2}vars:$/m, [
      '  vars:',
      '    pgbackrest_method: central',
      '    pgbackrest_repo: { central: { host: 10.10.10.14, path: /data/pgbackrest, retention_full: 2 } }',
    ].join('\n')));
  await tab('', 'pg-src');
  await plan(page.getByRole('button', { name: 'Create', exact: true }));
  await run();
  assert.deepEqual(await roles(11), { 'pg-src-1': 'Leader' });
  await on(14, '[ -n "$(ls /data/pgbackrest/backup/pg-src)" ]');
});

test('marks are written before and after each target', async () => {
  await on(11, psql('create table mark (name text)'));
  await mark(11, '1-name');
  await on(11, psql("select pg_create_restore_point('before_migration')"));
  targets.push(['name', 'before_migration', '1-name']);
  await mark(11, '2-lsn');
  targets.push(['lsn', await on(11, psql('select pg_current_wal_lsn()')), '1-name 2-lsn']);
  const xid = await on(11, psql("begin; insert into mark values ('3-xid'); select txid_current(); commit"));
  targets.push(['xid', xid, '1-name 2-lsn 3-xid']);
  await mark(11, '4-time');
  const moment = await on(11, psql('select pg_sleep(1.2); select clock_timestamp()'));
  targets.push(['time', moment.trim(), '1-name 2-lsn 3-xid 4-time']);
  await on(11, psql("select pg_sleep(1.2); insert into mark values ('5-latest'); select pg_switch_wal()"));
  targets.push(['latest', null, '1-name 2-lsn 3-xid 4-time 5-latest']);
});

test('the time line of the backups leads to a restore at the picked moment', async () => {
  await tab('backups', 'pg-src');
  const line = page.getByRole('region', { name: 'What can be restored' });
  const slider = line.getByRole('slider', { name: 'Moment to restore to' });
  const end = await slider.getAttribute('aria-valuetext');
  await slider.press('ArrowLeft');
  const moment = await slider.getAttribute('aria-valuetext');
  assert.equal(Date.parse(end) - Date.parse(moment), 1000);
  assert.match(await line.innerText(), /From\s+\d{8}-\d{6}F \(full\): .* of files, then about .* of WAL replayed/);
  await pictures(page, 'backups-time-line');
  await line.getByRole('link', { name: 'Restore to this moment' }).click();
  const clone = page.getByRole('form', { name: 'Clone to a point in time', exact: true });
  assert.equal(await clone.getByRole('textbox', { name: 'Target' }).inputValue(), moment.replace(' UTC', '+00'));
});

for (const kind of ['name', 'lsn', 'xid', 'time', 'latest']) {
  test(`a clone at a target of kind ${kind} has what was before it and nothing after`, async () => {
    const [, target, expected] = targets.find(([one]) => one === kind);
    const first = kind === 'name';
    await tab('operations', 'pg-src');
    const clone = await form('Clone to a point in time');
    if (first) {
      await clone.getByLabel("New cluster's name").fill('pg-past');
      await clone.getByLabel('Address', { exact: true }).fill('10.10.10.12');
    } else {
      await clone.getByLabel('Into').selectOption('pg-past');
    }
    await clone.getByLabel('Recover to').selectOption(kind);
    if (target) await clone.getByLabel('Target', { exact: true }).fill(target);
    await pictures(page, `cluster-clone-${kind}`, clone);
    await plan(clone.getByRole('button', { name: 'Clone to a point in time' }));
    // Into a cluster that is only created now, nothing is lost: no second person is asked.
    await (first ? run() : runApproved('pg-past'));
    assert.deepEqual(await roles(12), { 'pg-past-1': 'Leader' });
    assert.equal(await marks(12), expected);
    await mark(12, 'written-there');
    assert.match(await marks(11), /5-latest$/, 'the source is as it was');
  });
}

test('a cluster whose backups were kept is removed, declared again and restored from them', async () => {
  await tab('operations', 'pg-src');
  const remove = await form('Remove cluster');
  await remove.getByLabel(/Keep the backups/).check();
  await plan(remove.getByRole('button', { name: 'Remove cluster' }));
  await runApproved('pg-src');
  assert.notEqual((await tryOn(11, 'pgrep -x postgres')).code, 0, 'PostgreSQL is gone');
  await saveInventory((text) => text.replace(/^ {4}etcd:/m, (etcd) => [...SOURCE, etcd].join('\n')));
  await tab('operations', 'pg-src');
  const restore = await form('Restore in place');
  await restore.getByLabel('Recover to').selectOption('latest');
  await plan(restore.getByRole('button', { name: 'Restore in place' }));
  await page.getByText('installed only, for the backups that 10.10.10.14 keeps').first().waitFor();
  await run();
  assert.deepEqual(await roles(11), { 'pg-src-1': 'Leader' });
  assert.match(await marks(11), /^1-name .* 5-latest$/);
});

test('both clusters are removed with all that is theirs', async () => {
  for (const [cluster, node] of [['pg-past', 12], ['pg-src', 11]]) {
    await tab('operations', cluster);
    const remove = await form('Remove cluster');
    await plan(remove.getByRole('button', { name: 'Remove cluster' }));
    await runApproved(cluster);
    await until(node, '! pgrep -x postgres', 5);
    assert.equal(await on(10, `. /etc/etcd/etcdctl.env; etcdctl get /pg/${cluster}/ --prefix --keys-only`), '');
  }
  await on(14, '! ls -d /data/pgbackrest/*/pg-src 2>/dev/null');
  assert.doesNotMatch(await (await inventory()).inputValue(), /pg-src|pg-past/);
  assert.deepEqual(errors, []);
});
