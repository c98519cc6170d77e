/** The usage books: after each run, one row for each request and one attempt for each call that the provider counted. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 50;

/** @returns what is wrong with the books, in words; null when they are complete. */
export function faultOf(expected, found) {
  const wrong = Object.keys(expected).filter((what) => expected[what] !== found[what]);
  return wrong.length === 0 ? null : wrong.map((what) => `${found[what]} ${what} where ${expected[what]} belong`).join(', ');
}

export class Books {
  #client;
  #callsOfProvider;
  #requests = 0;

  /** @param callsOfProvider asks the provider how many calls it got. */
  static async open(databaseUrl, callsOfProvider) {
    const books = new Books();
    books.#client = new pg.Client({ connectionString: databaseUrl });
    books.#callsOfProvider = callsOfProvider;
    await books.#client.connect();
    return books;
  }

  /** So many requests were answered, and each of them must get its row. */
  expect(requests) {
    this.#requests += requests;
  }

  /** Waits for the rows. @throws Error when they are not complete in time, or more than complete. */
  async check() {
    const expected = { rows: this.#requests, attempts: await this.#callsOfProvider() };
    for (const giveUpAt = Date.now() + PATIENCE_MS; ; await sleep(LOOK_EVERY_MS)) {
      const found = await this.#count();
      const fault = faultOf(expected, found);
      if (!fault) return found;
      const tooMany = Object.keys(expected).some((what) => found[what] > expected[what]);
      if (tooMany || Date.now() > giveUpAt) throw new Error(`the usage rows are not complete: ${fault}`);
    }
  }

  /** Milliseconds that the calls of the latest `requests` requests waited for the limiter. */
  async limiterWait(requests) {
    const { rows } = await this.#client.query(
      `SELECT percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY limiter_ms) AS ms
       FROM (SELECT limiter_ms FROM llm_usage_attempts ORDER BY created_at DESC LIMIT $1) AS latest`,
      [requests],
    );
    const [p50, p95, p99] = rows[0].ms;
    return { p50, p95, p99 };
  }

  close() {
    return this.#client.end();
  }

  async #count() {
    const { rows } = await this.#client.query(
      'SELECT (SELECT count(*) FROM llm_usage_logs)::int AS rows, (SELECT count(*) FROM llm_usage_attempts)::int AS attempts',
    );
    return rows[0];
  }
}
