// A console that a test starts by itself, beside the lab's.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

const { PADDOCK_BINARY: BINARY, PADDOCK_SITE: SITE = 'site' } = process.env;

export const freePort = () => new Promise((done) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

/** Starts a console with its state in a folder and waits until it answers; gives what it printed until then, and how to stop it. */
export async function startConsole(folder, url, words = [], env = {}) {
  const all = ['serve', '--state-dir', join(folder, 'state'), '--site-root', SITE, '--listen', new URL(url).host, ...words];
  const running = spawn(BINARY, all, { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.stderr.pipe(createWriteStream(join(folder, 'log'), { flags: 'a' }));
  let said = '';
  running.stdout.on('data', (part) => { said += part; });
  const stop = async () => {
    if (running.exitCode !== null) return;
    const ended = new Promise((done) => running.once('exit', done));
    running.kill('SIGTERM');
    await ended;
  };
  for (const bound = Date.now() + 60_000; ; await new Promise((done) => setTimeout(done, 100))) {
    if (await fetch(`${url}/healthz`).then((answer) => answer.ok, () => false)) break;
    if (running.exitCode === null && Date.now() < bound) continue;
    // It is made with the first line.
    assert.fail(`no answer: ${await readFile(join(folder, 'log'), 'utf8').catch(() => 'and nothing was logged')}`);
  }
  return { said, pid: running.pid, password: said.match(/password: (\S+)/)?.[1], stop };
}
