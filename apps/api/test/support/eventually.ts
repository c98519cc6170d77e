import { setTimeout as pause } from 'node:timers/promises';

/** Asks again until the answer is the one; fails with the last answer after `withinMs`. */
export async function eventually<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean, withinMs = 5_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms; the last answer was ${JSON.stringify(answer)}`);
    await pause(20);
  }
}
