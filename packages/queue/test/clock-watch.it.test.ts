import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startFaultProxy, type FaultProxy } from '@llm-gateway/local-services';
import { ClockWatch, connectRedis, waitUntilReady, type Redis } from '../src/index.js';
import { logger, startHarness, until, type Harness } from './harness.js';

/** A look comes every five seconds. */
const NEXT_LOOK_MS = 20_000;

let harness: Harness;
let proxy: FaultProxy;
let redis: Redis;
let watch: ClockWatch;
/** What Redis' clock is made to differ by. */
let offByMs: number;
const changes = new EventEmitter<{ change: [boolean] }>();

beforeEach(async () => {
  offByMs = 0;
  harness = await startHarness();
  proxy = await startFaultProxy(harness.server.port);
  redis = connectRedis(harness.server.url.replace(`:${harness.server.port}`, `:${proxy.port}`), 'patient', logger);
  await waitUntilReady(redis, 5_000);
  watch = new ClockWatch({ redis: { time: shiftedTime }, logger, onChange: (agrees) => void changes.emit('change', agrees) });
});
afterEach(async () => {
  watch.stop();
  redis.disconnect();
  await proxy.stop();
  await harness.close();
});

/** The server's own answer, from a machine whose clock is off. */
async function shiftedTime(): Promise<number[]> {
  // Typed as numbers; they are texts.
  const [seconds, micros] = (await redis.time()) as unknown as [string, string];
  return [Number(seconds) + Math.floor(offByMs / 1_000), Number(micros)];
}

async function nextChange(): Promise<boolean> {
  const [agrees] = (await once(changes, 'change')) as [boolean];
  return agrees;
}

describe("a machine's clock beside that of Redis", () => {
  it('is not trusted before it was compared, and then is while they agree', async () => {
    expect(watch.agrees).toBe(false);
    const told = nextChange();
    watch.start();
    expect(await told).toBe(true);
    expect(watch.agrees).toBe(true);
    expect(Math.abs(watch.figure.clock_ahead_seconds.value)).toBeLessThan(1);
  });

  it.each([
    ['ahead', -70_000],
    ['behind', 70_000],
  ])(
    'that is %s is found out, and so is that it is right again',
    async (_word, off) => {
      offByMs = off;
      const wrong = nextChange();
      watch.start();
      expect(await wrong).toBe(false);
      expect(watch.agrees).toBe(false);
      expect(Math.round(watch.figure.clock_ahead_seconds.value / 10) * 10).toBe(-off / 1_000);
      const right = nextChange();
      offByMs = 0;
      expect(await right).toBe(true);
      expect(watch.agrees).toBe(true);
    },
    NEXT_LOOK_MS,
  );

  it(
    'is not taken for wrong by an answer that was under way for longer than clocks may differ',
    async () => {
      proxy.set({ replies: { latencyMs: 4_000 } });
      const told = nextChange();
      watch.start();
      expect(await told).toBe(true);
    },
    NEXT_LOOK_MS,
  );

  it(
    'is trusted as before while Redis says nothing, and compared again once it does',
    async () => {
      const told = nextChange();
      watch.start();
      await told;
      proxy.set({ replies: { hold: true } });
      // The answer to the next look.
      await until(() => proxy.held('replies') !== '', 10_000);
      offByMs = -70_000;
      expect(watch.agrees).toBe(true);
      const wrong = nextChange();
      proxy.clear();
      expect(await wrong).toBe(false);
    },
    NEXT_LOOK_MS,
  );
});
