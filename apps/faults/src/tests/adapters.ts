/** Each vendor's SDK against a vendor that never ends, or that ends in every wrong way: 200 calls each. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startUpstream, type Upstream, type UpstreamAnswer } from '@llm-gateway/local-services';
import { PROVIDER_TYPES, type ProviderType } from '@llm-gateway/shared';
import type { FaultTest, TestContext } from '../fault-test.js';
import { openFiles } from '../rig/proc.js';
import { until } from '../rig/wait.js';
import { BOUND_MS, callAll, DEADLINE_MS, firstCall, RUNS, type Ending, type Seen } from './adapter-calls.js';

const NEVER: Ending = { faults: ['timeout'] };

async function endless({ findings }: TestContext, answer: UpstreamAnswer): Promise<void> {
  const upstream = await startUpstream({ keepCalls: false });
  upstream.respond(answer);
  try {
    for (const type of PROVIDER_TYPES) {
      findings.tell(
        `${type}: ms of the first call of a process beyond its deadline`,
        await firstCall(type, upstream.baseUrlFor(type)),
      );
      const { late, worstMs, otherEnds } = await callAll(type, upstream.baseUrlFor(type), NEVER);
      findings.zero(`${type}: calls off by more than ${BOUND_MS} ms`, late);
      findings.zero(`${type}: other ends than a timeout`, otherEnds);
      findings.tell(`${type}: worst ms`, worstMs);
    }
    findings.atLeast('calls', upstream.counts.total, RUNS * PROVIDER_TYPES.length);
    await until('every socket is given back', 10_000, () => upstream.counts.open === 0);
    findings.zero('calls still open', upstream.counts.open);
  } finally {
    await upstream.stop();
  }
}

const hang: FaultTest = {
  id: '20',
  fault: `a provider that never answers, ${RUNS} calls through each of the six adapters, deadline ${DEADLINE_MS} ms`,
  pass: `each call ends within ${BOUND_MS} ms of its deadline, as a timeout, and its socket is given back`,
  remark:
    "A vendor's SDK is loaded with the first call to it in a process, which holds that process up for as long as it takes (told above): " +
    'the first call after a start may end that much later. It is not counted among the 200.',
  run: (context) => endless(context, { hang: 'headers' }),
};

const drip: FaultTest = {
  id: '21',
  fault: `a provider that sends one byte every 200 ms, ${RUNS} calls through each of the six adapters`,
  pass: 'as 20',
  run: (context) => endless(context, { drip: { everyMs: 200 } }),
};

interface Way {
  word: string;
  answer: UpstreamAnswer;
  ending: Ending;
}

const early = (...faults: Ending['faults']): Ending => ({ faults, early: true });
const WAYS: readonly Way[] = [
  { word: 'headers and half a body', answer: { hang: 'body' }, ending: NEVER },
  { word: 'a reset before the headers', answer: { cut: 'headers' }, ending: early('network') },
  { word: 'a reset in the body', answer: { cut: 'body' }, ending: early('network') },
  { word: 'garbage', answer: { body: 'not JSON' }, ending: early('bad_response') },
  {
    word: 'a page of HTML',
    answer: { body: '<html><body>Bad gateway</body></html>', headers: { 'content-type': 'text/html' } },
    ending: early('bad_response'),
  },
  // Each reads ten megabytes before it is cut.
  { word: 'a body without end', answer: { endless: true }, ending: { ...early('bad_response', 'timeout'), atOnce: 5 } },
  { word: '429', answer: { status: 429, message: 'slow down', headers: { 'retry-after': '5' } }, ending: early('rate_limited') },
  { word: '500', answer: { status: 500, message: 'sorry' }, ending: early('server_error') },
  { word: '503', answer: { status: 503, message: 'sorry' }, ending: early('overloaded') },
  {
    word: 'a redirect',
    answer: { status: 307, body: '', headers: { location: 'http://127.0.0.1:9/elsewhere' } },
    ending: early('bad_response'),
  },
];

const FIRST_WAY = WAYS[0]?.word;
const HEAP_MORE_MB = 5;
const FILES_MORE = 5;

const everyWay: FaultTest = {
  id: '43',
  fault: `${RUNS} calls through each of the six adapters for each of: half a body, resets, garbage, HTML, an endless body, 429, 5xx, redirects, TLS that is silent or drips`,
  pass: `each call ends as it should, none more than ${BOUND_MS} ms past its deadline; sockets and memory are given back`,
  run: async (context) => {
    const { findings } = context;
    const upstream = await startUpstream({ keepCalls: false });
    const [silent, slow] = await Promise.all([silentTls(), slowTls()]);
    try {
      for (const type of PROVIDER_TYPES) await firstCall(type, upstream.baseUrlFor(type));
      const filesBefore = await openFiles(process.pid);
      let heapBefore = NaN;
      for (const { word, answer, ending } of WAYS) {
        upstream.respond(answer);
        await tell(context, word, (type) => callAll(type, upstream.baseUrlFor(type), ending));
        // What the SDKs keep once for all is there after the first way.
        if (word === FIRST_WAY) heapBefore = liveHeap();
      }
      for (const [word, { port }] of [
        ['TLS that never answers', silent],
        ['TLS that drips', slow],
      ] as const)
        await tell(context, word, (type) => callAll(type, secure(upstream, type, port), NEVER));
      // A connection that is being made is given up after ten seconds, an idle one after four.
      await until('every socket is given back', 20_000, async () => (await openFiles(process.pid)) <= filesBefore + FILES_MORE);
      findings.atMost(`open files afterwards (from ${filesBefore})`, await openFiles(process.pid), filesBefore + FILES_MORE);
      findings.zero('calls still open', upstream.counts.open);
      findings.atMost('growth of the live heap in MB', liveHeap() - heapBefore, HEAP_MORE_MB);
    } finally {
      await Promise.all([upstream.stop(), silent.stop(), slow.stop()]);
    }
  },
};

async function tell({ findings }: TestContext, word: string, callThrough: (type: ProviderType) => Promise<Seen>): Promise<void> {
  let [late, worst, others] = [0, 0, 0];
  for (const type of PROVIDER_TYPES) {
    const seen = await callThrough(type);
    late += seen.late;
    worst = Math.max(worst, seen.worstMs);
    others += seen.otherEnds;
    if (seen.other !== null) findings.tell(`${word}: ${type}`, seen.other);
  }
  findings.zero(`${word}: late`, late);
  findings.zero(`${word}: other ends`, others);
  findings.tell(`${word}: worst ms past the deadline`, worst);
}

const secure = (upstream: Upstream, type: ProviderType, port: number): string =>
  upstream.baseUrlFor(type).replace('http:', 'https:').replace(`:${upstream.port}`, `:${port}`);

interface Listener {
  port: number;
  stop(): Promise<void>;
}

/** Takes connections, and says to each what `speak` says. */
async function listen(speak: (socket: Socket) => void): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    // Read, or the end of the other side would never be seen.
    socket.resume().on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    speak(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  return { port: (server.address() as AddressInfo).port, stop };
}

const silentTls = (): Promise<Listener> => listen(() => undefined);

/** The beginning of a handshake message of 16 KB, and then a byte of it now and then. */
const slowTls = (): Promise<Listener> =>
  listen((socket) => {
    socket.write(Buffer.from([0x16, 0x03, 0x03, 0x40, 0x00, 0x02, 0x00, 0x3f, 0xfc, 0x03, 0x03]));
    const drip = setInterval(() => socket.write(Buffer.alloc(1)), 200);
    socket.on('close', () => clearInterval(drip));
  });

/** @returns what is left in the heap of this process after a collection, in MB. */
function liveHeap(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed / 1e6;
}

export const adapterTests = [hang, drip, everyWay];
