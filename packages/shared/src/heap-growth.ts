/** How far the heap may grow over what is in use before V8 collects it: memory against time. */
import { setFlagsFromString } from 'node:v8';

/** Percent. By itself V8 waits for three times that much, and a busy process holds a hundred megabytes more for little. */
const USUAL = 100;
/** Costs a cache hit a tenth more, and an export of a million rows forty megabytes less. */
const FRUGAL = 30;

/** Takes effect with the next collection. */
const growBy = (percent: number): void => setFlagsFromString(`--heap-growing-percent=${percent}`);

/** For the start, of which much garbage would stay until there is work. */
export const collectSooner = (): void => growBy(FRUGAL);
export const collectAsUsual = (): void => growBy(USUAL);

let frugal = 0;

/** Passes on what makes much garbage for long, which is collected sooner until the last of these has ended, however it ends. */
export async function* withLessGarbage<T>(chunks: AsyncIterable<T>, grow = growBy): AsyncGenerator<T, void, undefined> {
  if (frugal++ === 0) grow(FRUGAL);
  try {
    yield* chunks;
  } finally {
    if (--frugal === 0) grow(USUAL);
  }
}
