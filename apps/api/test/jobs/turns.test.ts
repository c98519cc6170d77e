import { expect, it } from '@jest/globals';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { Turns } from '../../src/jobs/turns.js';

it('lets so many work at once, some wait in their order, and sends the rest away', async () => {
  const turns = new Turns(2, 2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const work = (index: number) => () => {
    begun.push(index);
    return new Promise<number>((resolve) => ends.push(() => resolve(index)));
  };
  const all = [0, 1, 2, 3].map((index) => turns.take(work(index)));
  expect(begun).toEqual([0, 1]);
  await expect(turns.take(work(4))).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 1_000 });
  ends[1]?.();
  expect(await all[1]).toBe(1);
  await turnOfTheLoop();
  expect(begun).toEqual([0, 1, 2]);
  ends[0]?.();
  expect(await all[0]).toBe(0);
  await turnOfTheLoop();
  expect(begun).toEqual([0, 1, 2, 3]);
  for (const end of ends) end();
  expect(await Promise.all(all)).toEqual([0, 1, 2, 3]);
  expect(await turns.take(async () => 'free again')).toBe('free again');
});

it('gives the place of one that failed to the next', async () => {
  const turns = new Turns(1, 1);
  const failing = turns.take(() => Promise.reject(new Error('no')));
  const next = turns.take(async () => 'served');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('served');
});
