import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./processes/load.mjs', import.meta.url));
const id = '[<id>]';
const running = new Set();

/** A request of about `bytes`, each one different where `same` is not given. `[<id>]` is replaced by autocannon. */
export function promptOf(bytes, same) {
  const lead = same ?? id;
  return `${lead} ${'Describe the shop in one friendly sentence. '.repeat(Math.ceil(bytes / 44)).slice(0, Math.max(0, bytes - 34))}`;
}

/**
 * Sends `amount` requests in all, evenly over the addresses, from a process of its own, and waits for the last answer: a run that is cut off at a
 * time would leave requests whose rows nobody can count.
 * @param spreadMs over how long the connections begin. @param rate requests a second, evenly spread; undefined: as many as the connections can send.
 */
export async function load({ urls, headers, body, connections, amount, rate, spreadMs }) {
  const each = Math.ceil(connections / urls.length);
  const plan = { urls, headers: { 'content-type': 'application/json', ...headers }, body, connections: each };
  const child = fork(PROGRAM, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  running.add(child.once('exit', () => running.delete(child)));
  child.send({ ...plan, amount: Math.max(each, Math.ceil(amount / urls.length)), rate: rate && rate / urls.length, spreadMs });
  const [result] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the load generator ended with ${code}`))),
  ]);
  return { ...result, rate: result.requests / result.seconds };
}

/** Whatever is being sent is sent no further. */
export function stopLoad() {
  for (const child of running) child.kill();
}
