// The leader's node loses its power: the page sees it as soon as Patroni does, and tells afterwards what happened when.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, open, pictures } from './browser.mjs';
import { errors, page, plan, roles, run, saveInventory, sitDown, tab as tabOf, until } from './desk.mjs';
import { lab, on } from './lab.mjs';

const NAME = 'pg-fail';
const tab = (name) => tabOf(name, NAME);
const REST = 'curl -s -m 1 http://10.10.10.12:8008/history';
let browser;

before(async () => {
  browser = await open();
  await sitDown(browser);
});
after(async () => {
  await browser?.close();
  await lab('start', '11');
});

test('a cluster of two is created, and its leader has never changed', async () => {
  await saveInventory((text) => text.replace(/^ {4}etcd:/m, (etcd) => [
    `    ${NAME}:`,
    '      hosts:',
    '        10.10.10.11: { pg_seq: 1, pg_role: primary }',
    '        10.10.10.12: { pg_seq: 2, pg_role: replica }',
    `      vars: { pg_cluster: ${NAME} }`,
    '',
    etcd,
  ].join('\n')));
  await tab('failovers');
  await page.getByText('The leader has not changed, as far as anybody knows').waitFor();
  await page.getByText("Patroni's history was never read").waitFor();
  await pictures(page, 'failovers-empty');
  await tab('');
  await plan(page.getByRole('button', { name: 'Create', exact: true }));
  await run();
  assert.deepEqual(await roles(11), { 'pg-fail-1': 'Leader', 'pg-fail-2': 'Replica' });
});

test('a failover is on the page within two seconds after Patroni shows it', async () => {
  await tab('');
  const row = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'pg-fail-2' }) });
  await row.getByText('streaming').waitFor({ timeout: 60_000 });
  // The page notes the moment by the clock of this machine, which is the nodes' too.
  await page.evaluate(() => {
    const look = () => {
      const row = [...document.querySelectorAll('table.members tbody tr')].find((one) => one.querySelector('th')?.textContent === 'pg-fail-2');
      if (!window.ledAt && row?.cells[2]?.textContent === 'primary') window.ledAt = Date.now();
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const led = on(12, 'for i in $(seq 900); do curl -s -m 1 http://10.10.10.12:8008/cluster | python3 -c "import json,sys; sys.exit(not any(m[\'name\'] == \'pg-fail-2\' and m[\'role\'] == \'leader\' for m in json.load(sys.stdin)[\'members\']))" && date +%s%3N && exit 0; sleep 0.1; done; exit 1');
  await lab('kill', '11');
  const patroni = Number(await led);
  await page.waitForFunction(() => window.ledAt, undefined, { timeout: 30_000 });
  const late = (await page.evaluate(() => window.ledAt)) - patroni;
  console.log(`on the page ${late} ms after Patroni showed it`);
  assert.ok(late <= 2_000, `the page was ${late} ms late`);
});

test('the history tells who led when, second by second, and how long nobody took writes', async () => {
  await until(12, `${REST} | grep -q pg-fail-2`, 60);
  await tab('failovers');
  const incident = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'pg-fail-1 → pg-fail-2' }) });
  await incident.waitFor();
  await incident.getByText('timeline 1 → 2').waitFor();
  for (const text of ['is not reached; it may still take writes', 'pg-fail-2 takes writes', 'Timeline 1 ended at']) {
    await incident.getByText(text).first().waitFor();
  }
  const [, least, most] = (await incident.innerText()).match(/(\d[\d.]*) s to (\d[\d.]*) s without writes/) ?? [];
  assert.ok(least, await incident.innerText());
  // The lock lasts 30 s at most; then the other one takes it.
  assert.ok(Number(least) > 3 && Number(most) - Number(least) < 12, `${least} to ${most} s`);
  await accessible(page);
  await pictures(page, 'failovers');
  const link = await incident.getByRole('link', { name: 'pg-fail-1 → pg-fail-2' }).getAttribute('href');
  await page.goto(`/clusters/${NAME}?tab=failovers${link}`);
  assert.equal(await page.locator('.incident:target').count(), 1, 'a link leads to one of them');
});

test('the drift names who leads against the inventory, and leads to the form that would close it', async () => {
  await page.goto('/drift');
  const row = page.getByRole('row').filter({ hasText: 'instance role' });
  for (const text of [NAME, 'pg-fail-2', 'replica']) await row.getByText(text, { exact: true }).first().waitFor();
  await row.locator('.badge').filter({ hasText: 'primary' }).waitFor();
  await accessible(page);
  await pictures(page, 'drift');
  await row.getByRole('link', { name: 'pg switchover pg-fail --candidate pg-fail-1' }).click();
  await page.waitForURL(/tab=operations&run=/);
  const command = page.getByRole('form', { name: 'Command line' });
  assert.equal(await command.getByLabel('Command line').inputValue(), 'pg switchover pg-fail --candidate pg-fail-1');
  // The one that lost its power is still off: the planner says so, where it was asked.
  await command.getByRole('button', { name: 'Plan' }).click();
  await command.getByRole('alert').filter({ hasText: 'pg-fail-1' }).or(command.getByRole('alert').filter({ hasText: '10.10.10.11' })).first().waitFor({ timeout: 60_000 });
});

test('when nothing answers, what was known is still told, with its age', async () => {
  await on(12, 'systemctl stop patroni');
  try {
    await tab('failovers');
    await page.getByText('Patroni does not answer').waitFor();
    await page.getByRole('heading', { name: 'pg-fail-1 → pg-fail-2' }).waitFor();
    await page.getByText('Timeline 1 ended at').first().waitFor();
    await pictures(page, 'failovers-stale');
  } finally {
    await on(12, 'systemctl start patroni');
  }
  assert.deepEqual(errors, []);
});
