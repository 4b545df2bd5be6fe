// What two people do in the console: one asks, the other approves what destroys.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { pictures, signedIn, visitor } from './browser.mjs';
import { on } from './lab.mjs';

const APPROVER = { name: 'ben', password: 'a second pair of eyes' };
const REASON = 'the test wants it gone';
/** The first admin's, who asks. */
export let page;
/** What went wrong in it. */
export let errors;
/** The approver's. */
let other;

/** Signs both in. */
export async function sitDown(browser) {
  ({ page, errors } = await signedIn(browser));
  await addPerson(APPROVER, 'approver');
  const context = await visitor(browser);
  other = await context.newPage();
  other.setDefaultTimeout(20_000);
  await other.goto('/');
  await other.getByLabel('Name').fill(APPROVER.name);
  await other.getByLabel('Password').fill(APPROVER.password);
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByRole('heading', { name: 'Clusters' }).waitFor();
}

/** Adds somebody as an admin does on the console's own machine; the password goes through standard input. */
function addPerson({ name, password }, role) {
  return new Promise((done, failed) => {
    const words = ['user', 'add', name, '--role', role, '--password-stdin', '--state-dir', process.env.PADDOCK_STATE_DIR];
    const child = execFile(process.env.PADDOCK_BINARY, words, { timeout: 60_000 }, (error, _, said) =>
      error ? failed(new Error(`${error.message}\n${said}`)) : done());
    // A program that ends before it reads.
    child.stdin.on('error', () => {});
    child.stdin.end(password);
  });
}

/** Opens a tab of a cluster's page; before it is live, what is pressed is not seen. */
export async function tab(name, cluster) {
  await page.goto(`/clusters/${cluster}${name ? `?tab=${name}` : ''}`);
  await page.waitForLoadState('networkidle');
}

/** Presses a button and waits for the plan that it makes; a refusal fails with its words. */
export async function plan(button) {
  await button.click();
  const refused = page.getByRole('alert').first();
  await Promise.race([
    page.waitForURL(/\/plans\/\d+/, { timeout: 90_000 }),
    refused.waitFor({ timeout: 90_000 }).then(async () => {
      throw new Error(`refused: ${await refused.innerText()}`);
    }),
  ]);
  await page.waitForLoadState('networkidle');
}

/** Runs the plan that is shown and waits for its job to succeed. */
export async function run(timeout = 480_000) {
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/jobs\/\d+/, { timeout: 120_000 });
  const good = page.getByText('Every step and every post-condition holds');
  const bad = page.getByRole('alert').filter({ hasText: 'It failed' });
  await good.or(bad).first().waitFor({ timeout });
  assert.equal(await bad.count(), 0, (await bad.count()) ? await bad.innerText() : '');
}

/** Asks for the approval of the plan that is shown; the second person types the name and approves; the first one runs it. */
export async function runApproved(confirm, picture) {
  await request();
  if (picture) await pictures(page, picture);
  await other.goto(page.url());
  await other.waitForLoadState('networkidle');
  await approve(confirm);
  await run();
}

/**
 * The same, where the second person first says no. Neither loads a page anew: what the other one does comes by itself.
 * Returns the plan's number.
 */
export async function runRefusedThenApproved(confirm, why) {
  await showNotices();
  await other.goto('/approvals');
  await other.getByText('Nothing waits').waitFor();
  await request();
  await pictures(page, 'plan-waits-for-approval');
  const plan = new URL(page.url()).pathname;
  const asked = other.getByRole('table', { name: 'Waiting' }).getByRole('row').filter({ hasText: REASON });
  await asked.waitFor();
  await other.getByRole('navigation', { name: 'Main' }).getByText('1 waiting').waitFor();
  assert.deepEqual(await other.evaluate(() => window.shown), ['A request waits for an approver']);
  await pictures(other, 'approvals');
  await asked.getByRole('link').first().click();
  await other.waitForURL(`**${plan}`);
  await pictures(other, 'plan-approver');
  await other.getByLabel('Why it should not run').fill(why);
  await other.getByRole('button', { name: 'Refuse', exact: true }).click();
  for (const one of [other, page]) {
    await one.getByRole('status').filter({ hasText: `By ${APPROVER.name}` }).filter({ hasText: why }).waitFor();
  }
  await pictures(page, 'plan-refused');
  await request();
  await approve(confirm);
  await pictures(page, 'plan-approved');
  await run();
  return plan.split('/').pop();
}

/** The second person has the browser notify, and looks at none of its tabs; what it shows is kept in `window.shown`. */
async function showNotices() {
  await other.context().grantPermissions(['notifications']);
  await other.addInitScript(() => {
    window.shown = [];
    Object.defineProperty(document, 'hidden', { get: () => true });
    window.Notification = class extends window.Notification {
      constructor(title, options) {
        super(title, options);
        window.shown.push(options.body);
      }
    };
  });
  await other.goto('/account');
  await other.getByRole('button', { name: 'Show notifications' }).click();
  await other.getByText('They are shown here.').waitFor();
}

/** The first person asks, for [`REASON`]. */
async function request() {
  assert.ok(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled(), 'what destroys waits for an approval');
  await page.getByLabel('Why it should run').fill(REASON);
  await sayThereIsNoBackup(page);
  await page.getByRole('button', { name: 'Request approval' }).click();
  await page.getByRole('status').filter({ hasText: 'Waits for an approver' }).waitFor();
}

/** The second person approves the plan that is open there; the first one sees it. */
async function approve(confirm) {
  await other.getByLabel(`Type ${confirm} to approve`).fill(confirm);
  await sayThereIsNoBackup(other);
  await other.getByRole('button', { name: 'Approve', exact: true }).click();
  for (const one of [other, page]) await one.getByText('It may run once').first().waitFor();
}

/** Where all data would go and no fresh backup is known, the page asks for these words; else there is no such field. */
async function sayThereIsNoBackup(on) {
  const words = 'no backup newer than 24 h';
  const field = on.getByLabel(`Type ${words}`, { exact: true });
  if (await field.count()) await field.fill(words);
}

/** Opens a form of the operations tab and gives it. */
export async function form(title) {
  await page.locator('summary').filter({ hasText: title }).click();
  return page.getByRole('form', { name: title, exact: true });
}

/** The action of a member, from its menu in the table. */
export async function memberAction(member, action) {
  await page.getByRole('button', { name: `Actions for ${member}` }).click();
  return page.getByRole('button', { name: action, exact: true });
}

/** `patronictl list` on a node: member to role. */
export async function roles(node) {
  const members = JSON.parse(await on(node, 'patronictl -c /etc/patroni/patroni.yml list -f json'));
  return Object.fromEntries(members.map((one) => [one.Member, one.Role]));
}

/** Waits, with a bound, until a command on a node succeeds. */
export const until = (node, command, seconds) =>
  on(node, `for i in $(seq ${seconds * 2}); do ${command} && exit 0; sleep 0.5; done; echo "not within ${seconds} s" >&2; exit 1`);

export const psql = (sql) => `cd / && sudo -u postgres psql -XAtqc "${sql}"`;
export const inventory = async () => {
  await page.goto('/inventory');
  await page.waitForLoadState('networkidle');
  return page.getByRole('textbox', { name: 'Inventory text' });
};

export async function saveInventory(change) {
  const editor = await inventory();
  const text = await editor.inputValue();
  const changed = change(text);
  assert.notEqual(changed, text, 'the edit found its place');
  await editor.fill(changed);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText(/Saved as revision \d+/).waitFor();
}
