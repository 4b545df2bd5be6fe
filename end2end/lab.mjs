// The lab's nodes, looked at directly.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const [program, ...words] = process.env.LAB.split('\n');

/** Runs a verb of the lab script, with a bound. */
export async function lab(...args) {
  const { stdout } = await run(program, [...words, ...args], { timeout: 120_000, maxBuffer: 16 << 20 });
  return stdout.trim();
}

/** Runs bash on node N as root and gives its output. */
export const on = (node, command) => lab('ssh', String(node), command);

/** Like `on`, but gives the exit code and both outputs instead of throwing. */
export async function tryOn(node, command) {
  try {
    return { code: 0, out: await on(node, command) };
  } catch (error) {
    return { code: error.code, out: `${error.stdout ?? ''}${error.stderr ?? ''}` };
  }
}
