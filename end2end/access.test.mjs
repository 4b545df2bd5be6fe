// Every page that needs no running cluster is usable by everybody: nothing serious in axe's eyes, in either theme and at both widths.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, declareCluster, open, signedIn, visitor } from './browser.mjs';

/** The tabs of a cluster's page that its plain address does not show; those of a running cluster are looked at by `failover` and `restore`. */
const TABS = ['operations', 'config', 'backups', 'failovers', 'accounts', 'jobs'];
/** Every address of `app/src/paths.rs` that is a page, those of what is not there among them; `console`, `log` and `failover` look at jobs and plans that are. */
const PAGES = [
  '/', '/?group=health&q=nothing', '/inventory', '/inventory/history', '/inventory/history/1', '/inventory/blame', '/nodes', '/drift', '/jobs', '/jobs/999', '/plans/999',
  '/approvals', '/policy', '/audit', '/people', '/settings', '/account', '/no-such-page', '/clusters/pg-none',
  '/clusters/pg-test', ...TABS.map((tab) => `/clusters/pg-test?tab=${tab}`),
];
const WIDTHS = [1440, 360];
let browser;
let page;
let errors;

before(async () => {
  browser = await open();
  ({ page, errors } = await signedIn(browser));
  await declareCluster(page);
});
after(() => browser?.close());

async function check(on, path) {
  for (const width of WIDTHS) {
    await on.setViewportSize({ width, height: 900 });
    await on.goto(path);
    await on.waitForLoadState('networkidle');
    await accessible(on);
    const over = await on.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(over <= 0, `${path} is ${over} px wider than ${width}`);
  }
}

for (const path of PAGES) {
  test(`${path} is accessible`, () => check(page, path));
}

test('/sign-in is accessible', async () => {
  const context = await visitor(browser);
  await check(await context.newPage(), '/sign-in');
  await context.close();
});

test('nothing went wrong in the pages', () => assert.deepEqual(errors, []));
