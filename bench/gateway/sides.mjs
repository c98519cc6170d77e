/** Who is measured beside us: the bare libraries and another gateway. Each is `{ name, urls, headers, body, processes }`. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { startProcess } from '@llm-gateway/local-services';
import { promptOf } from './load.mjs';

const PEERS = fileURLToPath(new URL('../peers', import.meta.url));
const PORTKEY = `${PEERS}/node_modules/@portkey-ai/gateway/build/start-server.js`;
const KEPT = 'kept';

const asJson = (value) => JSON.stringify(value);

/** Our own side. @param request fields beside service and prompt. @param same asks the same thing over and over: after the first, hits. */
export function ours(stack, { name = 'ours', bytes = 1_000, same, ...request } = {}) {
  const body = asJson({ service: 'bench', prompt: promptOf(bytes, same), ...request });
  return { name, ...stack.target, body, books: stack.books, calls: () => stack.callsOf('ours'), callsEach: same ? 0 : 1 };
}

export async function bareGet(stack) {
  const { port, pid } = await stack.run('bare-get');
  const prompt = promptOf(1_000, KEPT);
  const redis = new Redis(stack.redis.url.replace(/\/\d+$/, '/9'));
  // Of the size of one of our cache entries.
  await redis.set(
    `bare:${prompt}`,
    asJson({ content: 'The quick brown fox jumps over the lazy dog. '.repeat(10), pad: 'x'.repeat(450) }),
  );
  redis.disconnect();
  const processes = { api: [pid], redis: [stack.redis.pid] };
  return {
    name: 'bare Express + GET',
    urls: [`http://127.0.0.1:${port}/`],
    body: asJson({ service: 'bench', prompt }),
    processes,
  };
}

export async function bareQueue(stack, bytes = 1_000) {
  const [api, worker] = [await stack.run('bare-queue'), await stack.run('bare-worker')];
  const processes = { api: [api.pid], worker: [worker.pid], redis: [stack.redis.pid] };
  const body = asJson({ service: 'bench', prompt: promptOf(bytes) });
  return { name: 'bare BullMQ', urls: [`http://127.0.0.1:${api.port}/`], body, processes };
}

/** The provider itself, called directly: what of a latency is its own. */
export function direct(stack) {
  return {
    name: 'provider itself',
    urls: [`${stack.upstreamUrl(0, 'direct')}/v1/chat/completions`],
    body: chat(1_000),
    processes: {},
    calls: () => stack.callsOf('direct'),
    callsEach: 1,
  };
}

const chat = (bytes) => asJson({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: promptOf(bytes) }] });

/** Installed on first use, into bench/peers alone. An install that was cut short, or one of other versions, is made anew. */
function installPeers() {
  // npm writes the first at the very end, with what stands in the second.
  const [installed, wanted] = ['node_modules/.package-lock.json', 'package-lock.json'].map((file) =>
    versionIn(`${PEERS}/${file}`),
  );
  if (installed !== null && installed === wanted) return;
  console.error('installing @portkey-ai/gateway into bench/peers');
  // Its install script only patches its own development dependencies.
  const npm = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, stderr, error } = spawnSync('npm', npm, { cwd: PEERS, encoding: 'utf8' });
  if (status === 0) return;
  throw new Error(`@portkey-ai/gateway could not be installed (--no-peers measures without it):\n${error?.message ?? stderr}`);
}

/** @returns the version of the peer that a lockfile names; null where there is none. */
function versionIn(file) {
  if (!existsSync(file)) return null;
  return JSON.parse(readFileSync(file, 'utf8')).packages['node_modules/@portkey-ai/gateway']?.version ?? null;
}

/** Portkey's gateway as a plain proxy: no cache, no queue, no rows. */
export async function portkey(stack) {
  installPeers();
  const { pid, port } = await stack.once('portkey', startPortkey);
  const headers = {
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `${stack.upstreamUrl(0, 'peer')}/v1`,
    authorization: 'Bearer sk-bench',
  };
  return {
    name: 'Portkey',
    urls: [`http://127.0.0.1:${port}/v1/chat/completions`],
    headers,
    body: chat(1_000),
    processes: { api: [pid] },
    calls: () => stack.callsOf('peer'),
    callsEach: 1,
  };
}

async function startPortkey() {
  const port = await freePort();
  const options = { name: 'portkey', entry: PORTKEY, args: [`--port=${port}`, '--headless'], readyLine: /Ready for connections/ };
  const { pid, stop } = await startProcess({ ...options, env: { NODE_ENV: 'production', PATH: process.env.PATH } });
  return { pid, port, stop };
}

/** Portkey takes no port 0. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
