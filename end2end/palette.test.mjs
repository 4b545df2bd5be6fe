// The command palette and the help on keys: opened, typed into, left, all by keyboard.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, declareCluster, open, pictures, signedIn } from './browser.mjs';

let browser;
let page;
let errors;

before(async () => {
  browser = await open();
  ({ page, errors } = await signedIn(browser));
  await declareCluster(page);
});
after(() => browser?.close());

const dialog = (name = 'Search and commands') => page.getByRole('dialog', { name });
const field = () => dialog().getByRole('combobox');
const found = () => dialog().getByRole('option').locator('.what').allInnerTexts();
const chosen = () => dialog().getByRole('option', { selected: true });
const gone = (name) => dialog(name).waitFor({ state: 'hidden' });

async function call() {
  await page.keyboard.press('Control+k');
  await field().waitFor();
  // What it finds is loaded when it is first opened.
  await dialog().getByRole('option').filter({ hasText: 'Cluster' }).filter({ hasText: 'pg-test' }).first().waitFor();
}

test('nothing of it is loaded before it is opened', async () => {
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto('/jobs');
  await page.waitForLoadState('networkidle');
  assert.ok(!asked.includes('/api/app/cluster-names'), asked.join());
  await call();
  assert.ok(asked.includes('/api/app/cluster-names'));
  // Also the first time, what is typed goes into the field, which nobody has clicked.
  await page.waitForFunction(() => document.activeElement?.getAttribute('role') === 'combobox');
  await page.keyboard.type('pg');
  assert.equal(await field().inputValue(), 'pg');
  await page.keyboard.press('Escape');
  await gone();
});

test('letters find a cluster, Enter opens it', async () => {
  await call();
  await field().fill('pgtst');
  assert.equal((await found())[0], 'pg-test');
  assert.equal(await chosen().locator('.what').innerText(), 'pg-test');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/clusters\/pg-test$/);
  await gone();
});

test('the arrows choose, round the ends, and the field says what is chosen', async () => {
  await call();
  const first = await chosen().innerText();
  await page.keyboard.press('ArrowUp');
  const last = await chosen().innerText();
  assert.notEqual(last, first);
  assert.equal(await field().getAttribute('aria-activedescendant'), await chosen().getAttribute('id'));
  await page.keyboard.press('ArrowDown');
  assert.equal(await chosen().innerText(), first);
  await page.keyboard.press('Escape');
  await gone();
});

test('pages and jobs are found', async () => {
  await call();
  await field().fill('audit');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/audit$/);
  await call();
  await field().fill('#12');
  assert.equal((await found())[0], '#12');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/jobs\/12$/);
  await call();
  await field().fill('no such thing at all');
  await dialog().getByRole('status').filter({ hasText: 'Nothing found' }).waitFor();
  await page.keyboard.press('Escape');
  await gone();
});

test('a cluster has its operations behind Tab, and Enter plans one', async () => {
  await call();
  await field().fill('pg-test');
  await page.keyboard.press('Tab');
  assert.equal(await field().inputValue(), 'pg-test ');
  await dialog().getByRole('option').filter({ hasText: 'Operation' }).first().waitFor();
  await page.keyboard.type('create');
  assert.equal((await found())[0], 'Create');
  assert.match(await chosen().innerText(), /bin\/pgsql-add pg-test/);
  await accessible(page);
  await pictures(page, 'palette');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/plans\/\d+$/, { timeout: 90_000 });
  await gone();
});

test('the focus stays inside, and goes back to where it was', async () => {
  await page.goto('/jobs');
  await page.waitForLoadState('networkidle');
  const hint = page.getByRole('button', { name: 'Search' });
  await hint.focus();
  await page.keyboard.press('Enter');
  await field().waitFor();
  for (const key of ['Shift+Tab', 'Shift+Tab', 'Shift+Tab']) {
    await page.keyboard.press(key);
    assert.ok(await page.evaluate(() => !document.activeElement.closest('main, header nav')), key);
  }
  await page.keyboard.press('Escape');
  await gone();
  assert.ok(await hint.evaluate((hint) => hint === document.activeElement), 'the button has the focus again');
});

test('a question mark shows the keys, and not while one types', async () => {
  await page.keyboard.press('?');
  await dialog('Keys').getByText('Next cluster').waitFor();
  await accessible(page);
  await pictures(page, 'keys');
  await page.keyboard.press('Escape');
  await gone('Keys');
  await page.goto('/');
  await page.waitForLoadState('networkidle');
  await page.getByRole('searchbox', { name: 'Filter clusters' }).press('?');
  assert.equal(await dialog('Keys').count(), 0);
  assert.deepEqual(errors, []);
});
