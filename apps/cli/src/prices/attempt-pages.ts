import { storedAttempts, type Db, type StoredAttempt } from '@llm-gateway/db';
import type { TimeRange } from '../time-range.js';

const PAGE_SIZE = 1_000;

/** The attempts of a range in the order of their times, in constant memory. Ends early when the operator wants it to. */
export async function* attemptPages(db: Db, range: TimeRange, signal: AbortSignal): AsyncGenerator<StoredAttempt[]> {
  let after: StoredAttempt | undefined;
  do {
    const page = await storedAttempts(db, range, { after, limit: PAGE_SIZE });
    if (page.length > 0) yield page;
    after = page.length === PAGE_SIZE ? page.at(-1) : undefined;
  } while (after && !signal.aborted);
}
