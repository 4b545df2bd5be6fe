// What an inventory text means, and clusters added from templates, in a console of this file's own: no node is behind it.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessible, open, pictures, signedIn } from './browser.mjs';
import { freePort, startConsole } from './own.mjs';

const SECRET = 'C4nary-of-the-admin';
let folder;
let console_;
let browser;
let page;
let errors;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paddock-inventory-'));
  const text = `# the fleet
all:
  vars:
    ansible_port: ${await freePort()}
    pg_version: 15
    pg_admin_password: ${SECRET}
  children:
    etcd:
      hosts:
        127.65.1.9: { etcd_seq: 1 }
    spare:
      hosts:
        127.65.1.11: {}
        127.65.1.12: {}
        127.65.1.13: {}
    pg-main: # the one that pays
      hosts:
        127.65.1.1: { pg_seq: 1, pg_role: primary }
        127.65.1.2: { pg_seq: 2, pg_role: replica, pg_weight: 50 }
      vars:
        pg_cluster: pg-main
        pg_hba_rules:
          # The default rules admit replicas from private networks, and loopback is none.
          - { title: replicas, user: '\${repl}', db: replication, addr: 127.65.0.0/16, auth: pwd, order: 1 }
          - { title: and their rewinds, user: '\${repl}', db: postgres, addr: 127.65.0.0/16, auth: pwd, order: 1 }
          - { title: the shop, user: shop, db: shop, addr: 10.9.0.0/16, auth: ssl }
`;
  await writeFile(join(folder, 'pigsty.yml'), text);
  const url = `http://127.0.0.1:${await freePort()}`;
  console_ = await startConsole(folder, url, ['--seed-inventory', join(folder, 'pigsty.yml')]);
  browser = await open();
  ({ page, errors } = await signedIn(browser, { url, password: console_.password }));
  await page.goto('/inventory');
  // Before it lives, what is pressed is not seen.
  await page.waitForLoadState('networkidle');
});
after(async () => {
  await browser?.close();
  await console_?.stop();
  await rm(folder, { recursive: true, force: true });
});

const editor = () => page.getByRole('textbox', { name: 'Inventory text' });
const views = () => page.getByRole('region', { name: 'What the text means' });
const change = async (from, to) => {
  const text = await editor().inputValue();
  assert.ok(text.includes(from), `${from} is in the text`);
  await editor().fill(text.replace(from, to));
};
/** The line that the editor's caret is in. */
const caretLine = () => editor().evaluate((field) => {
  const from = field.value.lastIndexOf('\n', field.selectionStart - 1) + 1;
  return field.value.slice(from).split('\n', 1)[0];
});

test('files are rendered from the text as it stands, with what changes against the saved revision', async () => {
  await views().getByRole('button', { name: 'Rendered files' }).click();
  const files = views().getByRole('list', { name: 'Files' });
  await files.getByRole('button', { name: 'pg_hba.conf as saved' }).waitFor();
  const text = views().getByLabel('File', { exact: true });
  assert.match(await text.innerText(), /hostssl\s+shop\s+shop\s+10\.9\.0\.0\/16/);
  await change('10.9.0.0/16', '10.8.0.0/16');
  await files.getByRole('button', { name: 'pg_hba.conf +1 −1' }).waitFor();
  await views().getByText('What changes against the saved revision').waitFor();
  await accessible(page);
  await pictures(page, 'inventory-files');
  await files.getByRole('button', { name: /^pg-main-replica.cfg/ }).click();
  await views().getByText('/etc/haproxy/conf.d/pg-main-replica.cfg').waitFor();
  assert.match(await text.innerText(), /server pg-main-2 127\.65\.1\.2:6432 check port 8008 weight 50/);
  await views().getByLabel('Member').selectOption('pg-main-2');
  await views().getByText('on pg-main-2').waitFor();
});

test('what does not render is said with its line', async () => {
  await change('addr: 10.8.0.0/16', 'addr: moon');
  await views().getByRole('button', { name: 'pg_hba.conf cannot be rendered' }).click();
  await views().getByText('invalid addr name moon').waitFor();
  await pictures(page, 'inventory-files-problem');
  await views().getByRole('button', { name: /Go to line/ }).click();
  assert.match(await caretLine(), /addr: moon/);
  await editor().fill('all: [');
  await views().getByText('the text cannot be read as YAML').waitFor();
  await page.reload();
});

test('each value says where it is from, and leads there', async () => {
  await page.goto('/inventory');
  await page.waitForLoadState('networkidle');
  await views().getByRole('button', { name: 'Resolved values' }).click();
  const table = views().getByRole('table', { name: 'Resolved values' });
  const row = (name) => table.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });
  await row('pg_version').waitFor();
  assert.match(await row('pg_version').innerText(), /15\s+all\.vars/);
  assert.match(await row(/^pg_port/).innerText(), /5432\s+built-in default/);
  assert.match(await row('pg_weight pg-main-2').innerText(), /50\s+host in pg-main/);
  assert.ok(!(await table.innerText()).includes(SECRET));
  await accessible(page);
  await pictures(page, 'inventory-values');
  await views().getByRole('searchbox', { name: 'Filter the values' }).fill('hba');
  await row('pg_version').waitFor({ state: 'detached' });
  await row('pg_hba_rules').getByRole('button', { name: /^line/ }).click();
  assert.match(await caretLine(), /title: replicas|pg_hba_rules/);
});

test('a text goes into a file, and a file into the editor, with a way back', async () => {
  await page.goto('/inventory');
  const before = await editor().inputValue();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  assert.equal((await download).suggestedFilename(), 'pigsty.yml');
  const file = join(folder, 'exported.yml');
  await (await download).saveAs(file);
  assert.equal(await readFile(file, 'utf8'), before, 'byte for byte');
  const dosed = join(folder, 'dosed.yml');
  await writeFile(dosed, before.replace('# the fleet', '# the fleet, from a file').replaceAll('\n', '\r\n'));
  await page.getByLabel('Import').setInputFiles(dosed);
  const told = page.getByRole('status').filter({ hasText: 'dosed.yml is in the editor' });
  await told.waitFor();
  assert.match(await editor().inputValue(), /^# the fleet, from a file\n/);
  await page.locator('.head .badge', { hasText: 'not saved' }).waitFor();
  await accessible(page);
  await pictures(page, 'inventory-imported');
  await told.getByRole('button', { name: 'Undo' }).click();
  assert.equal(await editor().inputValue(), before);
  await writeFile(dosed, Buffer.from([0x61, 0x6c, 0x6c, 0x3a, 0xff, 0xfe]));
  await page.getByLabel('Import').setInputFiles(dosed);
  await page.getByText('dosed.yml was not taken: it is not text in UTF-8.').waitFor();
  assert.equal(await editor().inputValue(), before);
});

async function add(template, fill) {
  await page.goto('/inventory');
  await page.waitForLoadState('networkidle');
  await page.getByRole('button', { name: 'Add cluster' }).click();
  const form = page.getByRole('form', { name: 'Add cluster' });
  await form.getByLabel('Template').selectOption(template);
  await form.getByRole('button', { name: /127\.65\.1\.11/ }).waitFor();
  await fill(form);
  await form.getByRole('button', { name: 'Preview' }).click();
  const put = form.getByRole('button', { name: 'Put into the text' });
  await put.waitFor();
  return { form, put };
}
const node = (form, number) => form.getByRole('button', { name: new RegExp(`^127\\.65\\.1\\.${number} `) }).click();

test('a delayed standby is made from its template, a free node and a declared upstream', async () => {
  const { put } = await add('Delayed standby', async (form) => {
    await form.getByLabel('Upstream cluster').selectOption('pg-main');
    await form.getByLabel('Cluster name').fill('pg-late');
    await node(form, 11);
    assert.equal(await form.getByLabel('Address').inputValue(), '127.65.1.11');
  });
  await accessible(page);
  await pictures(page, 'inventory-template');
  await put.click();
  const text = await editor().inputValue();
  assert.match(text, /127\.65\.1\.11: \{ pg_seq: 1, pg_role: primary, pg_upstream: 127\.65\.1\.1, pg_delay: 1h \}/);
  assert.ok(text.includes('pg-main: # the one that pays'));
});

test('a Citus is a coordinator and workers', async () => {
  const { put } = await add('Citus', async (form) => {
    await form.getByLabel('Cluster name').fill('pg-shop');
    await form.getByLabel('First database').fill('shop');
    for (const number of [11, 12, 13]) await node(form, number);
  });
  await put.click();
  const text = await editor().inputValue();
  for (const group of [0, 1, 2]) assert.match(text, new RegExp(`pg_cluster: pg-shop${group}\\n\\s+pg_mode: citus\\n\\s+pg_shard: pg-shop\\n\\s+pg_group: ${group}`));
});

test('a point-in-time clone is declared, and leads to the restore of its source', async () => {
  const { put } = await add('Point-in-time clone', async (form) => {
    await form.getByLabel('Source cluster').selectOption('pg-main');
    await form.getByLabel('Cluster name').fill('pg-back');
    await node(form, 12);
  });
  await put.click();
  await page.getByRole('status').getByRole('link', { name: 'operations of pg-main' }).waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(/Saved as revision \d+/).waitFor();
  await page.getByRole('link', { name: 'operations of pg-main' }).click();
  await page.waitForURL('**/clusters/pg-main?tab=operations');
  assert.deepEqual(errors, []);
});
