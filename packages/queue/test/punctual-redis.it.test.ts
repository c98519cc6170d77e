import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@llm-gateway/shared';
import { RedisPulse, type Redis } from '../src/index.js';
import { logger, startHarness, until, type Harness } from './harness.js';

let harness: Harness;
let redis: Redis;
let pulse: RedisPulse;
beforeEach(async () => {
  harness = await startHarness();
  redis = await harness.client('fail-fast');
  pulse = new RedisPulse({ redis, replicaId: 'a', name: 'test', logger });
  await pulse.start();
});
afterEach(async () => {
  pulse.stop();
  await harness.close();
});

/** This thread does nothing else meanwhile, as under a burst of connections or a long collection of garbage. */
const standStill = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** @returns every state that others would have seen the pulse in, turn after turn. */
async function seenDuring(ms: number): Promise<Set<boolean>> {
  const seen = new Set<boolean>();
  for (const end = Date.now() + ms; Date.now() < end; await turn()) seen.add(pulse.isUp);
  return seen;
}

describe('a process that stands still for two seconds while Redis is well', () => {
  it('gets the reply to a command that had left', async () => {
    const asked = redis.ping();
    await turn();
    standStill(2_000);
    expect(await asked).toBe('PONG');
  });

  it('gets the reply to a command that had not left yet', async () => {
    const asked = redis.pipeline().ping().exec();
    standStill(2_000);
    expect(await asked).toEqual([[null, 'PONG']]);
  });

  it('never takes Redis for lost, wherever it was between two beats', async () => {
    for (let phase = 0; phase < 4; phase++) {
      expect(await seenDuring(100 + phase * 60)).toEqual(new Set([true]));
      const asked = redis.ping();
      standStill(1_500);
      expect(await seenDuring(50)).toEqual(new Set([true]));
      expect(await asked).toBe('PONG');
    }
  }, 20_000);
});

describe('a Redis that is frozen', () => {
  it('fails a command and shows in the pulse after a second, and is used again when it wakes', async () => {
    process.kill(harness.server.pid, 'SIGSTOP');
    const started = performance.now();
    try {
      await expect(redis.ping()).rejects.toThrow('Command timed out');
      expect(performance.now() - started).toBeGreaterThan(850);
      await until(() => !pulse.isUp, 1_000);
      expect(performance.now() - started).toBeLessThan(1_500);
    } finally {
      process.kill(harness.server.pid, 'SIGCONT');
    }
    await until(() => pulse.isUp, 2_000);
    expect(await redis.ping()).toBe('PONG');
  });
});

it('says quietly that it has reached Redis first, and aloud that it is lost and back', async () => {
  const said: string[] = [];
  const write = (line: string): void => {
    const { level, msg } = JSON.parse(line) as { level: string; msg: string };
    said.push(`${level}: ${msg}`);
  };
  const heard = createLogger({ name: 'test', level: 'info' }, { write });
  const other = new RedisPulse({ redis, replicaId: 'b', name: 'test', logger: heard });
  try {
    await other.start();
    process.kill(harness.server.pid, 'SIGSTOP');
    await until(() => !other.isUp);
    process.kill(harness.server.pid, 'SIGCONT');
    await until(() => other.isUp);
    expect(said).toEqual(['info: redis is up', 'warn: redis is down', 'warn: redis is up']);
  } finally {
    other.stop();
    process.kill(harness.server.pid, 'SIGCONT');
  }
});

describe('how many replicas there are', () => {
  it('is what was expected until Redis has told, and then what it tells, also while it is away again', async () => {
    process.kill(harness.server.pid, 'SIGSTOP');
    const other = new RedisPulse({ redis, replicaId: 'b', replicasAtStart: 4, name: 'test', logger });
    try {
      await other.start();
      expect([other.isUp, other.replicas]).toEqual([false, 4]);
      process.kill(harness.server.pid, 'SIGCONT');
      await until(() => other.isUp && other.replicas === 2);
      process.kill(harness.server.pid, 'SIGSTOP');
      await until(() => !other.isUp);
      expect(other.replicas).toBe(2);
    } finally {
      other.stop();
      process.kill(harness.server.pid, 'SIGCONT');
    }
  }, 15_000);
});
