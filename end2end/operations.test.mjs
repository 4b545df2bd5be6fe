// Every operation from the page, each looked at on the nodes: grow, reload, configure, switch over, back up, shrink, clone, remove.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { open, pictures } from './browser.mjs';
import { errors, form, inventory, memberAction, page, plan, psql, roles, run, runApproved, runRefusedThenApproved, saveInventory, sitDown, tab as tabOf, until } from './desk.mjs';
import { on, tryOn } from './lab.mjs';

const NAME = 'pg-ops';
const tab = (name, cluster = NAME) => tabOf(name, cluster);
let browser;

before(async () => {
  browser = await open();
  await sitDown(browser);
});
after(() => browser?.close());

test('a cluster of two is created', async () => {
  await saveInventory((text) => text.replace(/^ {4}etcd:/m, (etcd) => [
    `    ${NAME}:`,
    '      hosts:',
    '        10.10.10.11: { pg_seq: 1, pg_role: primary }',
    '        10.10.10.12: { pg_seq: 2, pg_role: replica }',
    '      vars:',
    `        pg_cluster: ${NAME}`,
    '        pg_users:',
    '          - { name: app, password: app-in-a-lab, roles: [dbrole_admin], comment: the application }',
    '          - { name: gone, state: absent }',
    '        pg_databases:',
    '          - { name: app, owner: app }',
    '',
    etcd,
  ].join('\n')));
  await tab('');
  await plan(page.getByRole('button', { name: 'Create', exact: true }));
  await run();
  assert.deepEqual(await roles(11), { 'pg-ops-1': 'Leader', 'pg-ops-2': 'Replica' });
});

test('a third node is added from the form, and the services know it', async () => {
  await tab('operations');
  await pictures(page, 'cluster-operations');
  const add = await form('Add replica');
  assert.equal(await add.getByLabel('Number (pg_seq)').inputValue(), '3', 'the next number is suggested');
  await add.getByLabel('Node address').fill('10.10.10.13');
  await add.getByText('10.10.10.13: { pg_seq: 3, pg_role: replica }').waitFor();
  await add.getByText('bin/pgsql-add pg-ops 10.10.10.13').waitFor();
  await pictures(page, 'cluster-add-replica', add);
  await plan(add.getByRole('button', { name: 'Add replica' }));
  await run();
  assert.equal((await roles(11))['pg-ops-3'], 'Replica');
  await until(11, 'grep -rqs pg-ops-3 /etc/haproxy', 10);
  assert.match(await (await inventory()).inputValue(), /10\.10\.10\.13: \{ pg_seq: 3, pg_role: replica \}/);
});

test('the leader cannot be switched over to, and the page says why', async () => {
  await tab('');
  const action = await memberAction('pg-ops-1', 'Switch over to pg-ops-1');
  await page.getByText('It leads already.').waitFor();
  assert.ok(await action.isDisabled());
  await pictures(page, 'cluster-member-menu');
});

test('a new rule of the inventory is reloaded into HBA on all members', async () => {
  const rule = '{ user: all, db: all, addr: 10.10.10.14/32, auth: pwd, title: the fourth node }';
  await saveInventory((text) => text.replace(/^( +)pg_cluster: pg-ops$/m, `$&\n$1pg_hba_rules: [${rule}]`));
  await tab('operations');
  await plan(page.getByRole('button', { name: 'Reload HBA rules' }));
  await page.getByText('pgsql.yml -l pg-ops -t pg_hba,pg_reload,pgbouncer_hba,pgbouncer_reload -e pg_reload=true').first().waitFor();
  await run();
  for (const node of [11, 12, 13]) {
    assert.equal(await on(node, psql("select count(*) from pg_hba_file_rules where address = '10.10.10.14' and error is null")), '1');
  }
});

test('a parameter that needs a restart is previewed, changed, and applied by restarting who waits', async () => {
  await tab('config');
  await page.getByText('No restart is pending').waitFor();
  const change = page.getByRole('form', { name: 'Change configuration' });
  await change.getByLabel('Parameter', { exact: true }).fill('superuser_reserved_connections');
  await change.getByLabel('Value', { exact: true }).fill('7');
  await change.getByRole('button', { name: 'Preview' }).click();
  const preview = page.getByRole('region', { name: 'Preview' });
  await preview.getByText('superuser_reserved_connections: 7').waitFor();
  await pictures(page, 'cluster-config');
  await plan(preview.getByRole('button', { name: 'Plan this change' }));
  await run();
  await tab('config');
  await page.locator('.badge').filter({ hasText: 'Restart pending' }).first().waitFor({ timeout: 60_000 });
  assert.notEqual(await on(11, psql('show superuser_reserved_connections')), '7', 'nothing was restarted yet');
  await plan(page.getByRole('button', { name: 'Restart pending members' }));
  await run();
  for (const node of [11, 12, 13]) {
    assert.equal(await on(node, psql('show superuser_reserved_connections')), '7');
  }
});

test('a switchover from the menu of a member makes it the leader', async () => {
  await tab('');
  await plan(await memberAction('pg-ops-2', 'Switch over to pg-ops-2'));
  await run();
  const now = await roles(12);
  assert.deepEqual([now['pg-ops-1'], now['pg-ops-2']], ['Replica', 'Leader']);
});

test('a backup is made on the new leader and listed', async () => {
  await tab('backups');
  await plan(page.getByRole('button', { name: 'Back up (full)' }));
  await run();
  const info = JSON.parse(await on(12, `cd / && sudo -u postgres pgbackrest --stanza=${NAME} info --output=json`));
  const label = info[0].backup.filter((one) => one.type === 'full').at(-1).label;
  await tab('backups');
  await page.getByRole('rowheader', { name: label }).waitFor();
  await pictures(page, 'cluster-backups');
});

test('users and databases are listed, one that is absent as dropping, and one is applied', async () => {
  await tab('accounts');
  const users = page.getByRole('table', { name: 'Users' });
  await users.getByRole('row').filter({ hasText: 'gone' }).getByText('dropping').waitFor();
  assert.ok(!(await page.content()).includes('app-in-a-lab'), 'no password is in the page');
  await pictures(page, 'cluster-accounts');
  await plan(page.getByRole('button', { name: 'Apply user app' }));
  await run();
  assert.equal(await on(12, psql("select count(*) from pg_roles where rolname = 'app'")), '1');
});

test('a finished job is downloaded and replayed', async () => {
  await page.getByRole('link', { name: 'Download recording' }).waitFor();
  const recording = await page.request.get(await page.getByRole('link', { name: 'Download recording' }).getAttribute('href'));
  assert.equal(recording.status(), 200);
  const [header, ...lines] = (await recording.text()).trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(header.version, 2);
  assert.ok(lines.length > 5, 'it has lines');
  await page.getByRole('button', { name: 'Replay' }).click();
  const replay = page.getByRole('region', { name: 'Replay' });
  await replay.getByRole('button', { name: 'Pause replay' }).waitFor();
  await pictures(page, 'job-replay');
  await replay.getByLabel('Speed').selectOption('20');
  await replay.getByRole('button', { name: 'Play', exact: true }).waitFor({ timeout: 120_000 });
  await page.getByRole('region', { name: 'Lines' }).locator('[data-seq]').first().waitFor();
  await replay.getByLabel('Position').fill('0');
  await replay.getByRole('button', { name: 'Close replay' }).click();
  await page.getByRole('region', { name: 'Lines' }).locator('[data-seq]').first().waitFor();
});

test('a dropped table comes back by a restore in place; archiving goes on, and what was kept aside goes', async () => {
  await on(12, psql('create table dropped_by_mistake as select 42 as v'));
  // A moment between the two, in the words of the server's own clock.
  const moment = (await on(12, psql('select pg_sleep(1.5); select clock_timestamp()'))).trim();
  await on(12, psql('select pg_sleep(1.5); drop table dropped_by_mistake'));
  await tab('operations');
  const restore = await form('Restore in place');
  await restore.getByLabel('Target', { exact: true }).fill(moment);
  await pictures(page, 'cluster-restore', restore);
  await plan(restore.getByRole('button', { name: 'Restore in place' }));
  await runApproved(NAME, 'plan-restore');
  await pictures(page, 'job-restore');
  const now = await roles(12);
  assert.deepEqual(Object.values(now).sort(), ['Leader', 'Replica', 'Replica']);
  const at = { 'pg-ops-1': 11, 'pg-ops-2': 12, 'pg-ops-3': 13 };
  const leader = at[Object.keys(now).find((member) => now[member] === 'Leader')];
  for (const node of Object.values(at)) {
    assert.equal(await on(node, psql('select v from dropped_by_mistake')), '42', `node ${node} is of the new history`);
  }
  assert.equal(await on(leader, psql('show archive_mode')), 'off');
  await on(leader, '[ -e /pg/data-backup/PG_VERSION ]');

  await tab('operations');
  await plan(page.getByRole('button', { name: 'Archive again' }));
  await run();
  assert.equal(await on(leader, psql('show archive_mode')), 'on');
  await tab('operations');
  await plan(page.getByRole('button', { name: 'Keep the restored data' }));
  await runApproved(NAME);
  await on(leader, '[ ! -e /pg/data-backup ]');
});

test('a replica is removed once somebody else, who refused first, has approved it; the audit log has each step', async () => {
  await tab('');
  await plan(await memberAction('pg-ops-3', 'Remove pg-ops-3 from the cluster'));
  const number = await runRefusedThenApproved(NAME, 'not during business hours');
  assert.deepEqual(Object.keys(await roles(12)).sort(), ['pg-ops-1', 'pg-ops-2']);
  assert.notEqual((await tryOn(13, 'systemctl is-active -q patroni')).code, 0, 'Patroni does not run there any more');
  assert.notEqual((await tryOn(12, 'grep -rqs pg-ops-3 /etc/haproxy/conf.d')).code, 0, 'no service leads there');
  assert.doesNotMatch(await (await inventory()).inputValue(), /^ +10\.10\.10\.13:/m);

  await page.goto('/audit?act=approval');
  const rows = page.getByRole('table', { name: 'Audit log' }).getByRole('row').filter({ hasText: `plan ${number}` });
  // Newest first.
  const acts = (await rows.allInnerTexts()).map((row) => row.match(/approval\/[a-z-]+/)?.[0]);
  assert.deepEqual(acts, ['approval/approve', 'approval/request', 'approval/refuse', 'approval/request']);
  const refused = rows.filter({ hasText: 'approval/refuse' });
  await refused.getByText('ben').first().waitFor();
  await refused.getByText('not during business hours').waitFor();
  await pictures(page, 'audit-approval');
});

test('a standby cluster is cloned from the form and promoted', async () => {
  await on(12, psql('create table if not exists before_the_clone (v int)'));
  await tab('operations');
  const clone = await form('Clone as standby cluster');
  assert.equal(await clone.getByLabel('Upstream address').inputValue(), '10.10.10.12', 'the present leader is preset');
  await clone.getByLabel("New cluster's name").fill('pg-dr');
  await clone.getByLabel('Address', { exact: true }).fill('10.10.10.13');
  await pictures(page, 'cluster-clone', clone);
  await plan(clone.getByRole('button', { name: 'Clone as standby cluster' }));
  await run();
  assert.deepEqual(await roles(13), { 'pg-dr-1': 'Standby Leader' });
  await until(13, `[ "$(${psql("select count(*) from pg_class where relname = 'before_the_clone'")})" = 1 ]`, 30);
  await tab('operations', 'pg-dr');
  await page.locator('.badge').filter({ hasText: 'standby cluster' }).first().waitFor();
  await pictures(page, 'cluster-standby', page.locator('.card.ops').filter({ has: page.getByRole('button', { name: 'Promote', exact: true }) }));
  await plan(page.getByRole('button', { name: 'Promote' }));
  await run();
  assert.deepEqual(await roles(13), { 'pg-dr-1': 'Leader' });
  await on(13, psql('create table after_the_promotion (v int)'));
  assert.doesNotMatch(await (await inventory()).inputValue(), /pg_upstream/);
});

test('any command line is planned, and a refusal is shown where it was typed', async () => {
  await tab('operations');
  const command = page.getByRole('form', { name: 'Command line' });
  for (const [line, why] of [
    ['pgsql.yml -t pg_hba', /limit/],
    ["pgsql.yml -l 'pg-ops", /not closed/],
    ['bin/pgsql-svc pg-none', /pg-none/],
  ]) {
    await command.getByLabel('Command line').fill(line);
    await command.getByRole('button', { name: 'Plan' }).click();
    await command.getByRole('alert').filter({ hasText: why }).waitFor({ timeout: 60_000 });
  }
  await pictures(page, 'cluster-command-refused');
  await command.getByLabel('Command line').fill('pgsql.yml -l pg-ops -t pg_service -e pg_reload=true');
  await command.getByRole('button', { name: 'Plan' }).click();
  await page.waitForURL(/\/plans\/\d+/, { timeout: 90_000 });
});

test('the cluster is removed and nothing of it is left', async () => {
  await tab('operations');
  const remove = await form('Remove cluster');
  await remove.getByLabel(/Keep the backups/).check();
  await remove.getByText('pgsql-rm.yml -l pg-ops -e pg_rm_backup=false').waitFor();
  await pictures(page, 'cluster-remove', remove);
  await plan(remove.getByRole('button', { name: 'Remove cluster' }));
  await runApproved(NAME);
  for (const node of [11, 12]) {
    assert.notEqual((await tryOn(node, 'systemctl is-active -q patroni')).code, 0, 'Patroni is gone');
    assert.notEqual((await tryOn(node, 'pgrep -x postgres')).code, 0, 'PostgreSQL is gone');
    assert.equal((await tryOn(node, `ls -d /data/backups/${NAME}-*/backup/backup/${NAME}`)).code, 0, 'the backups are kept');
  }
  const keys = await on(10, `. /etc/etcd/etcdctl.env; etcdctl get /pg/${NAME}/ --prefix --keys-only`);
  assert.equal(keys, '', 'nothing of it is in the DCS');
  assert.doesNotMatch(await (await inventory()).inputValue(), /pg-ops/);
  await page.goto('/');
  await page.getByRole('link', { name: 'pg-dr' }).waitFor();
  assert.equal(await page.getByRole('link', { name: NAME }).count(), 0);
});

test('a node that is in use stays; one that is free leaves the console\'s care', async () => {
  await page.goto('/nodes');
  await page.waitForLoadState('networkidle');
  await page.getByRole('button', { name: 'Actions for 10.10.10.13' }).click();
  await page.getByRole('button', { name: 'Remove node 10.10.10.13' }).click();
  await page.getByRole('alert').filter({ hasText: '10.10.10.13 (pg-dr-1) has' }).first().waitFor({ timeout: 60_000 });
  await pictures(page, 'nodes-refused');
  // It left the inventory with the cluster; a node that was known is still found.
  await tab('operations', 'pg-dr');
  const command = page.getByRole('form', { name: 'Command line' });
  await command.getByLabel('Command line').fill('bin/node-rm 10.10.10.11');
  await plan(command.getByRole('button', { name: 'Plan' }));
  await runApproved('10.10.10.11');
  await on(11, '! systemctl is-active -q haproxy && [ ! -e /etc/haproxy ] && [ ! -e /etc/paddock ]');
});

test('the nodes page lists what is left, and filters', async () => {
  await page.goto('/nodes');
  await page.getByRole('link', { name: 'pg-dr-1' }).waitFor();
  await pictures(page, 'nodes');
  await page.getByRole('searchbox').fill('etcd');
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.waitForURL(/q=etcd/);
  assert.equal(await page.getByRole('rowheader').count(), 1);
  assert.deepEqual(errors, []);
});
