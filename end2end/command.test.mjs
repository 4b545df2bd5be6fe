// The command line: a token, the operations by their scripts' names and as plays, on the console and on the nodes.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { open, signedIn } from './browser.mjs';
import { on } from './lab.mjs';

const BINARY = process.env.PADDOCK_BINARY;
const URL = process.env.PADDOCK_URL;
const CLUSTER = `    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.12: { pg_seq: 2, pg_role: replica }
        10.10.10.13: { pg_seq: 3, pg_role: replica }
      vars: { pg_cluster: pg-test }

`;
let bin; // a directory with the script names
let token;
let lastJob;

before(async () => {
  bin = await mkdtemp(join(tmpdir(), 'paddock-bin-'));
  const browser = await open();
  try {
    const { page } = await signedIn(browser);
    await page.goto('/inventory');
    await page.waitForLoadState('networkidle');
    const text = page.getByRole('textbox', { name: 'Inventory text' });
    const seed = await text.inputValue();
    await text.fill(seed.replace(/^ {4}etcd:/m, (etcd) => CLUSTER + etcd));
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/Saved as revision \d+/).waitFor();
  } finally {
    await browser.close();
  }
});
after(() => rm(bin, { recursive: true, force: true }));

/** Runs a program to its end and gives code and outputs; `seen` gets the child and what it has printed so far. */
function run(program, args, { env = {}, input = '', seen } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, PADDOCK_TOKEN: token ?? '', ...env }, timeout: 400_000 });
    let [out, err] = ['', ''];
    child.stdout.on('data', (data) => {
      out += data;
      seen?.(child, out);
    });
    child.stderr.on('data', (data) => (err += data));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
    // A program that refuses its arguments ends before it reads.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

const paddock = (args, options) => run(BINARY, args, options);
const steps = (out) => out.match(/^\S+ \| \S+ \| (ok|changed|skipped|failed|unreachable|cancelled), \d+\.\d s$/gm) ?? [];
const jobOf = (out) => Number(out.match(/^job (\d+): http/m)?.[1]);

async function api(path) {
  const response = await fetch(`${URL}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, 200, path);
  return response.text();
}

async function members() {
  return JSON.parse(await on(11, 'patronictl -c /etc/patroni/patroni.yml list -f json'));
}

test('people and tokens are made beside the running console', async () => {
  const added = await paddock(['user', 'add', 'ann', '--role', 'operator']);
  assert.deepEqual([added.code, /^\w{20}\n$/.test(added.out)], [0, true], added.err);
  const bob = await paddock(['user', 'add', 'bob', '--role', 'viewer', '--password-stdin'], { input: 'correct horse battery\n' });
  assert.deepEqual([bob.code, bob.out], [0, ''], bob.err);
  const made = await paddock(['token', 'add', 'ann', '--label', 'end to end', '--expires', '1d']);
  assert.equal(made.code, 0, made.err);
  token = made.out.trim();
  assert.match(token, /^pdk_\w{43}$/);
  const people = await paddock(['user', 'list']);
  assert.match(people.out, /^ann +operator on \* +\S+ \S+ +1$/m);
  const listed = await paddock(['token', 'list']);
  assert.match(listed.out, /^1 +ann +end to end +.*never$/m);
  assert.ok(!listed.out.includes(token));
  assert.equal((await paddock(['user', 'add', 'ANN', '--role', 'viewer'])).code, 1, 'the name is taken');
});

test('what is asked wrongly has the exit code of its script, and says why', async () => {
  for (const [args, options, code, why] of [
    [['pgsql-add', 'pg-test'], { env: { PADDOCK_TOKEN: 'pdk_wrong' } }, 2, /people\/bad-token/],
    [['pgsql-add', 'pg-test'], { env: { PADDOCK_TOKEN: '' } }, 1, /cli\/no-token/],
    [['pgsql-add', 'pg-test', '--console', 'http://127.0.0.1:1'], {}, 2, /cli\/unreachable/],
    [['pgsql-add', 'pg-nothing'], {}, 2, /plan\/unknown-target/],
    [['pgsql-add'], {}, 1, /pg_cluster is empty/],
    [['pgsql-add', 'pg-test', '10.10.10.300'], {}, 3, /10\.10\.10\.300/],
    [['pgsql-rm', 'pg-test', '10.10.10.1*'], {}, 1, /10\.10\.10\.1\*/],
    [['pgsql-user', 'pg-test'], {}, 2, /name the user/],
    [['node-add'], {}, 1, /selector is empty/],
    [['pgsql-hba', '--no-such'], {}, 1, /--no-such/],
    [['play', 'pgsql.yml'], {}, 1, /plan\/empty-limit/],
    [['play', 'pgsql.yml', '-l', 'pg-test', '-e', '@/nowhere.yml'], {}, 2, /cannot read/],
    [['play'], {}, 2, /Usage/],
  ]) {
    const ended = await paddock(args, options);
    assert.equal(ended.code, code, `${args.join(' ')}: ${ended.err}`);
    assert.match(ended.err, why);
  }
});

test('hosts and tags are listed without a run', async () => {
  const { code, out, err } = await paddock(['play', './pgsql.yml', '-l', 'pg-test', '--list-hosts', '--list-tags']);
  assert.equal(code, 0, err);
  // The etcd node is touched as well: the cluster gets its role there.
  assert.match(out, /play #\d+: pgsql\.yml -l pg-test\n {4}hosts \(4\):\n {6}10\.10\.10\.11 {2}pg-test-1\n/);
  assert.match(out, /TASK TAGS: \[.*pg_hba.*pg_service.*\]/);
  assert.equal(await on(11, 'systemctl is-active patroni || true'), 'inactive');
});

test('Ctrl-C asks the console to stop after the running steps', async () => {
  let asked = false;
  const { code, out, err } = await paddock(['pgsql-add', 'pg-test'], {
    seen: (child, text) => {
      if (!asked && steps(text).length > 3) {
        asked = true;
        child.kill('SIGINT');
      }
    },
  });
  assert.equal(code, 2, err);
  assert.match(err, /asking the console to stop the job after the running steps/);
  assert.match(out, /^ann asked to stop after the running steps$/m);
  assert.match(out, /^cancelled: /m);
  const { row } = JSON.parse(await api(`/jobs/${jobOf(out)}`));
  assert.deepEqual(row.outcome, { is: 'cancelled' });
});

test('a link called pgsql-add creates the cluster; no line is lost or doubled by a connection that breaks', async () => {
  assert.equal((await paddock(['links', bin, '--to', BINARY])).code, 0);
  const { port } = new globalThis.URL(URL);
  const sockets = new Set();
  const between = createServer((one) => {
    const other = connect(Number(port), '127.0.0.1');
    for (const [from, to] of [[one, other], [other, one]]) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      sockets.add(from);
    }
  });
  await new Promise((done) => between.listen(0, '127.0.0.1', done));
  let cuts = 0;
  try {
    const { code, out, err } = await run(join(bin, 'pgsql-add'), ['pg-test'], {
      env: { PADDOCK_URL: `http://127.0.0.1:${between.address().port}` },
      seen: (_, text) => {
        if (cuts < 3 && steps(text).length > 20 * (cuts + 1)) {
          cuts += 1;
          for (const socket of sockets) socket.destroy();
          sockets.clear();
        }
      },
    });
    assert.equal(code, 0, `${out}\n${err}`);
    assert.equal(cuts, 3);
    assert.match(err, /the connection was lost \(.*\); trying again from event \d+/);
    lastJob = jobOf(out);
    assert.match(out, /^Create cluster .*pg-test/m);
    assert.match(out, /^ {2}pgsql\.yml -l pg-test$/m);
    assert.match(out, /^PLAY \[pgsql\.yml -l pg-test\] \*+$/m);
    assert.match(out, /^STAGE \[.*\] \*+$/m);
    assert.match(out, /^pg-test-1 \| pgsql\/\S+ \| changed, /m);
    assert.match(out, /^pg-test-2 \(10\.10\.10\.12\) +: ok=\d+ .*failed=0/m);
    assert.match(out, /^succeeded: every step and every post-condition holds$/m);
    const events = (await api(`/jobs/${lastJob}/events`)).trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(events.map((event) => event.seq), events.map((_, at) => at));
    assert.equal(steps(out).length, events.filter((event) => event.type === 'step_finished').length);
    const tail = (await api(`/jobs/${lastJob}/events?from=${events.length - 2}`)).trim().split('\n');
    assert.deepEqual(tail.map((line) => JSON.parse(line)), events.slice(-2));
  } finally {
    between.close();
    for (const socket of sockets) socket.destroy();
  }
  const seen = await members();
  assert.equal(seen.filter((member) => member.Role === 'Leader').length, 1);
  assert.equal(seen.filter((member) => member.Role === 'Replica' && /running|streaming/.test(member.State)).length, 2);
});

test('its recording is asciicast v2 and ends with the last step', async () => {
  const rows = (await api(`/jobs/${lastJob}/recording.cast`)).trim().split('\n').map((line) => JSON.parse(line));
  const [head, ...frames] = rows;
  assert.equal(head.version, 2);
  assert.ok(head.width >= 80 && head.height >= 24 && Math.abs(head.timestamp - Date.now() / 1000) < 3_600);
  let last = 0;
  for (const [seconds, kind, text] of frames) {
    assert.ok(seconds >= last && kind === 'o' && text.endsWith('\r\n'), JSON.stringify([seconds, kind, text]));
    last = seconds;
  }
  const text = frames.map(([, , shown]) => shown).join('');
  const { view } = JSON.parse(await api(`/jobs/${lastJob}`));
  assert.ok(text.includes(`| ${view.outline.steps.at(-1).id} | \u001b[3`), 'the last step, with the colour of its outcome');
  assert.match(text, /succeeded: every step/);
});

test('a second run changes nothing', async () => {
  const { code, out, err } = await paddock(['pgsql-add', 'pg-test']);
  assert.equal(code, 0, `${out}\n${err}`);
  assert.match(out, /^warning: .*already exists/m);
  assert.deepEqual([...new Set(steps(out).map((line) => line.match(/\| (\w+),/)[1]))], ['ok'], out);
});

test('services and HBA rules are reloaded, for the cluster and for one instance', async () => {
  for (const args of [['pgsql-svc', 'pg-test'], ['pgsql-svc', 'pg-test', '10.10.10.12'], ['pgsql-hba', 'pg-test']]) {
    const { code, out, err } = await paddock(args);
    assert.equal(code, 0, `${args.join(' ')}:\n${out}\n${err}`);
  }
});

test('a check shows the difference and leaves the node alone', async () => {
  const file = '/pg/data/pg_hba.conf';
  await on(12, `echo '# by hand' >> ${file}`);
  const vars = join(bin, 'vars.yml');
  await writeFile(vars, 'pg_reload: yes\n');
  const play = ['play', 'pgsql.yml', '-l', 'pg-test', '-t', 'pg_hba', '-e', `@${vars}`];
  const { code, out, err } = await paddock([...play, '--check', '--diff']);
  assert.equal(code, 0, err);
  assert.match(out, /^ {2}pgsql\.yml -l pg-test -t pg_hba -e pg_reload=true$/m);
  assert.match(out, /^pg-test-2 \| -# by hand$/m);
  assert.match(out, /^pg-test-2 \| pgsql\/pg_reload\/reload \| would change: /m);
  assert.match(out, /^dry run: 4 steps hold, 2 would change, 0 cannot be told/m);
  assert.equal(await on(12, `tail -n 1 ${file}`), '# by hand');
  assert.equal((await paddock(play)).code, 0);
  assert.notEqual(await on(12, `tail -n 1 ${file}`), '# by hand');
});

test('a viewer may look and not run; a token that is revoked is refused', async () => {
  const made = await paddock(['token', 'add', 'bob', '--label', 'looks']);
  const file = join(bin, 'token');
  await writeFile(file, made.out, { mode: 0o600 });
  const look = await fetch(`${URL}/api/v1/clusters`, { headers: { authorization: `Bearer ${made.out.trim()}` } });
  assert.deepEqual((await look.json()).map((row) => row.name), ['pg-test']);
  const refused = await paddock(['pgsql-svc', 'pg-test', '--token-file', file]);
  assert.equal(refused.code, 2);
  assert.match(refused.err, /people\/forbidden.*\n.*role is viewer/);
  const id = (await paddock(['token', 'list'])).out.match(/^(\d+) +bob /m)[1];
  assert.equal((await paddock(['token', 'revoke', id])).code, 0);
  assert.match((await paddock(['pgsql-svc', 'pg-test', '--token-file', file])).err, /people\/bad-token/);
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'args']);
  assert.ok(!stdout.includes(token), 'no token is in a command line');
});
