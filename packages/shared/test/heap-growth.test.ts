import { describe, expect, it } from '@jest/globals';
import { withLessGarbage } from '../src/heap-growth.js';

async function* numbers(): AsyncGenerator<number, void, undefined> {
  yield* [1, 2, 3];
}

describe('withLessGarbage', () => {
  it('passes everything on, and collects as usual again once the last of two has ended, by an early end as well', async () => {
    const percents: number[] = [];
    const [first, second] = [1, 2].map(() => withLessGarbage(numbers(), (percent) => percents.push(percent))) as [
      AsyncGenerator<number>,
      AsyncGenerator<number>,
    ];
    expect([(await first.next()).value, (await second.next()).value]).toEqual([1, 1]);
    await first.return(undefined);
    expect(percents).toEqual([30]);
    const rest: number[] = [];
    for await (const number of second) rest.push(number);
    expect(rest).toEqual([2, 3]);
    expect(percents).toEqual([30, 100]);
  });
});
