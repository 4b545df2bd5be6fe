// The inventory as a form, in a console of this file's own: each table is edited, and the text is what is looked at.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessible, open, pictures, signedIn, visitor } from './browser.mjs';
import { freePort, startConsole } from './own.mjs';

const SECRET = 'C4nary-of-the-shop';
const TEXT = `# the fleet
all:
  vars:
    admin_ip: 127.65.2.9
    version: v4.5.0
    region: default
  children:
    infra: { hosts: { 127.65.2.9: { infra_seq: 1 } } }
    etcd: { hosts: { 127.65.2.9: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }
    spare: { hosts: { 127.65.2.11: {} } }
    pg-main: # the one that pays
      hosts:
        127.65.2.1: { pg_seq: 1, pg_role: primary }
        127.65.2.2: { pg_seq: 2, pg_role: replica, pg_weight: 50 }   # slower
      vars:
        pg_cluster: pg-main
        pg_users:
          # the shop's own
          - { name: shop, password: '${SECRET}', pgbouncer: true, roles: [dbrole_readwrite] }  # asked by Ann
          - name: report
            password: "r: x"   # read only
            roles:
              - dbrole_readonly
        pg_databases:
          - { name: shop, owner: shop, extensions: [postgis, { name: vector }], comment: "orders" } # big
        pg_services:
          - { name: standby, port: 5435, check: /sync, selector: "[]" }
        pg_hba_rules:
          # The default rules admit replicas from private networks, and loopback is none.
          - { title: replicas, user: '\${repl}', db: replication, addr: 127.65.0.0/16, auth: pwd, order: 1 }
          - { title: and their rewinds, user: '\${repl}', db: postgres, addr: 127.65.0.0/16, auth: pwd, order: 1 }
          - { title: the shop, user: shop, db: shop, addr: 10.9.0.0/16, auth: ssl }
    pg-two:
      hosts: { 127.65.2.3: { pg_seq: 1, pg_role: primary } }
      vars: { pg_cluster: pg-two }
`;
let folder;
let console_;
let browser;
let page;
let errors;
let url;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paddock-form-'));
  await writeFile(join(folder, 'pigsty.yml'), TEXT);
  url = `http://127.0.0.1:${await freePort()}`;
  console_ = await startConsole(folder, url, ['--seed-inventory', join(folder, 'pigsty.yml')]);
  browser = await open();
  ({ page, errors } = await signedIn(browser, { url, password: console_.password }));
});
after(async () => {
  await browser?.close();
  await console_?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A table of a cluster, from the saved text. */
async function show(table, cluster = 'pg-main') {
  await page.goto(`/inventory?cluster=${cluster}&table=${table}`);
  await tables().waitFor();
  await page.getByRole('combobox', { name: 'Cluster' }).and(page.locator('.form-view > .choose select')).waitFor();
  await page.locator('.form-list').first().waitFor();
}
const tables = () => page.getByRole('navigation', { name: 'Tables' });
const table = (name) => page.getByRole('table', { name, exact: true });
const dialog = () => page.getByRole('dialog');
const press = (name) => page.getByRole('button', { name, exact: true }).click();
const done = (words) => page.getByRole('status').filter({ hasText: words }).waitFor();
/** Fills fields of the open dialog, by their labels, and makes the change. */
async function fill(fields, button = 'Change the text') {
  for (const [label, value] of Object.entries(fields)) {
    const field = dialog().getByLabel(label, { exact: true });
    if (!(await field.isVisible())) await dialog().getByText('More fields').click();
    if (await field.evaluate((one) => one.tagName === 'SELECT')) await field.selectOption(value);
    else await field.fill(value);
  }
  await dialog().getByRole('button', { name: button }).click();
  await dialog().waitFor({ state: 'hidden' });
}
/** The text as it stands, in the other view of the same draft. */
async function text() {
  await page.getByRole('navigation', { name: 'Views of the inventory' }).getByRole('link', { name: 'Text' }).click();
  const field = page.getByRole('textbox', { name: 'Inventory text' });
  await field.waitFor();
  const value = await field.inputValue();
  await page.goBack();
  await tables().waitFor();
  return value;
}
/** The text is the saved one with these replacements and nothing else. */
async function became(...changes) {
  const expected = changes.reduce((whole, [from, to]) => {
    assert.ok(whole.includes(from), from);
    return whole.replace(from, () => to);
  }, TEXT);
  assert.equal(await text(), expected);
}

test('instances are edited, added and removed in their lines', async () => {
  await show('instances');
  await table('Instances').getByRole('row').filter({ hasText: '127.65.2.2' }).getByText('50').waitFor();
  await accessible(page);
  await pictures(page, 'inventory-form-instances');
  await press('Edit instance 127.65.2.2');
  await fill({ Weight: '20', 'Offline queries': 'true' });
  await done('Instance 127.65.2.2 changed');
  const edited = ['pg_weight: 50 }', 'pg_weight: 20, pg_offline_query: true }'];
  await became(edited);
  await press('Add instance');
  assert.equal(await dialog().getByLabel('Number (needed)').inputValue(), '3');
  await fill({ 'Address (needed)': '127.65.2.11', 'Instance role (needed)': 'offline' }, 'Add to the text');
  await done('Instance 127.65.2.11 added');
  const added = ['   # slower\n', '   # slower\n        127.65.2.11: { pg_seq: 3, pg_role: offline }\n'];
  await became(edited, added);
  await table('Instances').getByText('127.65.2.11').waitFor();
  await press('Remove instance 127.65.2.2');
  await done('Instance 127.65.2.2 removed');
  await press('Undo');
  await table('Instances').getByText('127.65.2.2', { exact: true }).waitFor();
  await became(edited, added);
  await press('Remove instance 127.65.2.2');
  await done('Instance 127.65.2.2 removed');
  await became(['        127.65.2.2: { pg_seq: 2, pg_role: replica, pg_weight: 50 }   # slower\n', '        127.65.2.11: { pg_seq: 3, pg_role: offline }\n']);
});

test('a user is edited key by key, and its password is neither shown nor lost', async () => {
  await show('users');
  assert.ok(!(await page.locator('.form-view').innerHTML()).includes(SECRET));
  await press('Edit user shop');
  assert.equal(await dialog().getByLabel('Password', { exact: true }).inputValue(), '');
  await accessible(page);
  await pictures(page, 'inventory-form-user');
  await fill({ Roles: 'dbrole_readwrite, { name: audit, admin: true }', 'Expires on': '2030-12-31', Comment: 'it pays: well' });
  const shop = ['roles: [dbrole_readwrite] }  # asked', "roles: [dbrole_readwrite, { name: audit, admin: true }], comment: 'it pays: well', expire_at: '2030-12-31' }  # asked"];
  await became(shop);
  await press('Edit user report');
  await fill({ Password: 'new one', 'Through PgBouncer': 'true' });
  const report = [['"r: x"', '"new one"'], ['              - dbrole_readonly\n', '              - dbrole_readonly\n            pgbouncer: true\n']];
  await became(shop, ...report);
  await press('Add user');
  await fill({ 'Name (needed)': 'late', Password: 'x', 'May log in': 'false' }, 'Add to the text');
  const late = ['            pgbouncer: true\n        pg_databases', '            pgbouncer: true\n          - name: late\n            password: x\n            login: false\n        pg_databases'];
  await became(shop, ...report, late);
  await press('Remove user shop');
  await done('User shop removed');
  assert.ok((await text()).includes("          # the shop's own\n          - name: report"));
});

test('databases, services and rules are edited, added and removed', async () => {
  await show('databases');
  await press('Edit database shop');
  await fill({ Owner: 'report', Schemas: 'app, reports' });
  const database = ['owner: shop, extensions: [postgis, { name: vector }], comment: "orders" } # big', 'owner: report, extensions: [postgis, { name: vector }], comment: "orders", schemas: [app, reports] } # big'];
  await became(database);
  await press('Add database');
  await fill({ 'Name (needed)': 'stock', Extensions: 'postgis' }, 'Add to the text');
  await press('Remove database stock');
  await done('Database stock removed');
  await became(database);

  await tables().getByRole('link', { name: /^Services/ }).click();
  await press('Edit service standby');
  await fill({ 'Port (needed)': '5437', 'Goes to': 'postgres' });
  const service = ['port: 5435, check: /sync, selector: "[]" }', 'port: 5437, check: /sync, selector: "[]", dest: postgres }'];
  await became(database, service);
  await accessible(page);
  await pictures(page, 'inventory-form-services');
  await press('Add service');
  await dialog().getByLabel('Name (needed)').fill('extra');
  await fill({ 'Port (needed)': '5439', 'Members (needed)': '[? pg_role == `replica` ]' }, 'Add to the text');
  const extra = ['dest: postgres }\n', "dest: postgres }\n          - { name: extra, port: 5439, selector: '[? pg_role == `replica` ]' }\n"];
  await became(database, service, extra);
  await press('Show the file of service extra');
  await page.getByText('/etc/haproxy/conf.d/pg-main-extra.cfg').waitFor();
  await press('Remove service extra');
  await done('Service extra removed');
  await became(database, service);

  await tables().getByRole('link', { name: /^HBA rules/ }).click();
  await press('Edit HBA rule the shop');
  await fill({ From: '10.8.0.0/16', Order: '700' });
  const rule = ['addr: 10.9.0.0/16, auth: ssl }', 'addr: 10.8.0.0/16, auth: ssl, order: 700 }'];
  await became(database, service, rule);
  await accessible(page);
  await pictures(page, 'inventory-form-hba');
  await press('Add HBA rule');
  await fill({ Title: 'raw', 'Raw lines': 'host all all 10.0.0.0/8 md5\nhost all all 10.1.0.0/16 reject' }, 'Add to the text');
  const raw = ['order: 700 }\n', "order: 700 }\n          - { title: raw, rules: ['host all all 10.0.0.0/8 md5', 'host all all 10.1.0.0/16 reject'] }\n"];
  await became(database, service, rule, raw);
  await page.getByRole('region', { name: 'HBA rules' }).getByRole('button', { name: 'Show what is rendered' }).click();
  await page.getByText('/pg/data/pg_hba.conf', { exact: false }).first().waitFor();
  await page.getByLabel('File', { exact: true }).filter({ hasText: /10\.1\.0\.0\/16\s+reject/ }).waitFor();
  await press('Remove HBA rule raw');
  await done('HBA rule raw removed');
  await became(database, service, rule);

  await tables().getByRole('link', { name: /^PgBouncer HBA rules/ }).click();
  await press('Add PgBouncer HBA rule');
  await fill({ Title: 'pool', User: 'shop', Database: 'shop', From: 'intra', Authentication: 'pwd' }, 'Add to the text');
  await became(database, service, [rule[0], `${rule[1]}\n        pgb_hba_rules:\n          - { title: pool, user: shop, db: shop, addr: intra, auth: pwd }`]);
  await press('Edit PgBouncer HBA rule pool');
  await fill({ Order: '5' });
  await press('Remove PgBouncer HBA rule pool');
  await done('rule pool removed');
  assert.ok((await text()).includes('        pgb_hba_rules: []\n'));
});

test('what cannot be is said beside the fields, and a finding at its row with its fix', async () => {
  await show('hba');
  await press('Edit HBA rule the shop');
  await dialog().getByLabel('Order', { exact: true }).fill('first');
  await dialog().getByRole('button', { name: 'Change the text' }).click();
  await dialog().getByText('`first` is no number'.replaceAll('`', ''), { exact: false }).waitFor();
  await pictures(page, 'inventory-form-refused');
  await dialog().getByLabel('Order', { exact: true }).fill('');
  await fill({ Authentication: 'scram-sha256' });
  const row = table('HBA rules').getByRole('row').filter({ hasText: 'the shop' });
  await row.getByText('is not a known authentication alias').waitFor();
  const findings = page.getByRole('complementary', { name: 'Findings' });
  assert.equal(await findings.locator('li code', { hasText: 'scram-sha256' }).count() > 0, true, 'what stands in backticks is code');
  await pictures(page, 'inventory-form-finding');
  await findings.getByRole('button', { name: 'Fix' }).click();
  await row.getByText('is not a known authentication alias').waitFor({ state: 'detached' });
  await became(['auth: ssl }', 'auth: scram-sha-256 }']);
  await row.getByRole('button', { name: /in the text, line/ }).click();
  await page.getByRole('textbox', { name: 'Inventory text' }).and(page.locator(':focus')).waitFor();
  const caretLine = () => document.activeElement.value?.slice(document.activeElement.selectionStart).split('\n', 1)[0];
  assert.match(await page.evaluate(caretLine), /title: the shop/);
});

test('the form is used by keyboard alone, and the address names the table', async () => {
  await show('users', 'pg-two');
  await page.getByText('No user is declared here.').waitFor();
  await page.getByRole('button', { name: 'Add user' }).focus();
  await page.keyboard.press('Enter');
  await dialog().getByLabel('Name (needed)').focus();
  await page.keyboard.type('key');
  await page.keyboard.press('Enter');
  await done('User key added');
  assert.ok((await text()).includes('vars: { pg_cluster: pg-two, pg_users: [{ name: key }] }'));
  await press('Edit user key');
  await page.keyboard.press('Escape');
  await dialog().waitFor({ state: 'hidden' });
  await page.locator('.form-view > .choose select').selectOption('pg-main');
  await page.waitForURL('**/inventory?cluster=pg-main&table=users');
  await table('Users').getByText('report').first().waitFor();
  await page.goBack();
  await page.waitForURL('**/inventory?cluster=pg-two&table=users');
});

test('an edit of the form is saved as a revision', async () => {
  await show('users');
  await press('Edit user shop');
  await fill({ 'Connections at most': '20' });
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(/Saved as revision \d+/).waitFor();
  await page.reload();
  await page.locator('.form-list').first().waitFor();
  assert.ok((await text()).includes(`password: '${SECRET}'`) && (await text()).includes('connlimit: 20'));
  assert.deepEqual(errors, []);
});

test('a viewer sees the tables and changes nothing', async () => {
  const add = execFile(process.env.PADDOCK_BINARY, ['user', 'add', 'vic', '--role', 'viewer', '--password-stdin', '--state-dir', join(folder, 'state')]);
  add.stdin.end('correct horse battery\n');
  assert.equal(await new Promise((ended) => add.on('exit', ended)), 0);
  const own = await (await visitor(browser, url)).newPage();
  own.setDefaultTimeout(20_000);
  await own.goto('/');
  await own.getByLabel('Name').fill('vic');
  await own.getByLabel('Password').fill('correct horse battery');
  await own.getByRole('button', { name: 'Sign in' }).click();
  await own.getByRole('heading', { name: 'Clusters' }).waitFor();
  await own.goto('/inventory?cluster=pg-main&table=users');
  const list = own.getByRole('table', { name: 'Users', exact: true });
  await list.waitFor();
  assert.ok(!(await own.content()).includes(SECRET));
  assert.equal(await own.getByRole('button', { name: 'Add user' }).isDisabled(), true);
  assert.equal(await own.getByRole('button', { name: 'Remove user shop' }).isDisabled(), true);
  await own.getByRole('button', { name: 'Details user shop' }).click();
  await own.getByRole('dialog').getByText('it holds a password that is not shown to you').waitFor();
  assert.equal(await own.getByRole('dialog').getByLabel('Comment', { exact: true }).isEditable(), false);
  assert.equal(await own.getByRole('dialog').getByRole('button', { name: 'Change the text' }).count(), 0);
  await accessible(own);
  await pictures(own, 'inventory-form-viewer');
});
