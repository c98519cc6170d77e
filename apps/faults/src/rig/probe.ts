/** A process' memory as it is without garbage: what it tells of itself, right after a collection that we ask for. */
import type { ChildHandle, GatewayEnv } from '@llm-gateway/local-services';
import { until } from './wait.js';

export interface LiveMemory {
  /** What is reachable: V8's heap, and buffers beside it. Bytes. */
  liveBytes: number;
  /** What the system gives the process for it. Bytes. */
  residentBytes: number;
}

const ANSWER_MS = 10_000;

/** Runs before a process' first line. Twice: what a finaliser lets go of is garbage of the second collection. */
const PRELOAD = `
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
let probes = 0;
process.on('SIGUSR2', () => {
  gc();
  setImmediate(() => {
    gc();
    const { heapUsed, external, rss } = process.memoryUsage();
    process.stdout.write(JSON.stringify({ probe: ++probes, liveBytes: heapUsed + external, residentBytes: rss }) + '\\n');
  });
});`;

/** For processes that are to be probed. */
export const PROBED: GatewayEnv = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(PRELOAD)}` };

export async function probe(child: ChildHandle): Promise<LiveMemory> {
  const before = lastAnswer(child)?.probe ?? 0;
  child.kill('SIGUSR2');
  let answer = lastAnswer(child);
  await until(`${child.name} tells of its memory`, ANSWER_MS, () => ((answer = lastAnswer(child))?.probe ?? 0) > before);
  if (!answer) throw new Error(`${child.name} told nothing of its memory`);
  return answer;
}

function lastAnswer({ lines }: ChildHandle): (LiveMemory & { probe: number }) | null {
  const line = lines.findLast((text) => text.startsWith('{"probe":'));
  return line === undefined ? null : (JSON.parse(line) as LiveMemory & { probe: number });
}
