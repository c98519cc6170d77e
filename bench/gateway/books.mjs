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
  #patienceMs;
  #requests = 0;

  /** @param callsOfProvider asks the provider how many calls it got. @param patienceMs how long rows may take to be written. */
  static async open(databaseUrl, callsOfProvider, { patienceMs = PATIENCE_MS } = {}) {
    const books = new Books();
    books.#client = new pg.Client({ connectionString: databaseUrl });
    books.#callsOfProvider = callsOfProvider;
    books.#patienceMs = patienceMs;
    await books.#client.connect();
    // All that looking takes is to be in one process, which is no part of the gateway.
    await books.#client.query('SET max_parallel_workers_per_gather = 0');
    return books;
  }

  /** The process in which PostgreSQL looks for us. */
  get pid() {
    return this.#client.processID;
  }

  /** So many requests were answered, and each of them must get its row. */
  expect(requests) {
    this.#requests += requests;
  }

  /** Waits for the rows. @throws Error when they are not complete in time, or more than complete. */
  async check() {
    const expected = { rows: this.#requests, attempts: await this.#callsOfProvider() };
    for (const giveUpAt = Date.now() + this.#patienceMs; ; await sleep(LOOK_EVERY_MS)) {
      const found = await this.#count();
      const fault = faultOf(expected, found);
      if (!fault) return found;
      const tooMany = Object.keys(expected).some((what) => found[what] > expected[what]);
      if (tooMany || Date.now() > giveUpAt) throw new Error(`the usage rows are not complete: ${fault}`);
    }
  }

  /** Numbers can be right by chance: once at the end, row by row. @throws Error where a row stands twice, is no success, or has not its attempts. */
  async audit() {
    const { rows } = await this.#client.query(
      `SELECT (SELECT count(*) FROM llm_usage_logs) - (SELECT count(DISTINCT id) FROM llm_usage_logs) AS repeated,
         (SELECT count(*) FROM llm_usage_logs WHERE status <> 'ok') AS failed,
         (SELECT count(*) FROM llm_usage_logs log
            FULL JOIN (SELECT request_id, count(*) AS made FROM llm_usage_attempts GROUP BY request_id) attempts ON attempts.request_id = log.id
            WHERE coalesce(log.attempt_count, -1) <> coalesce(attempts.made, 0)) AS mismatched`,
    );
    const { repeated, failed, mismatched } = Object.fromEntries(
      Object.entries(rows[0]).map(([what, count]) => [what, Number(count)]),
    );
    const fault = faultOf({ repeated: 0, failed: 0, mismatched: 0 }, { repeated, failed, mismatched });
    if (fault) throw new Error(`the usage rows are not right: ${fault}`);
  }

  /** Milliseconds that the latest `calls` calls to a provider waited for its limits. @returns percentiles, and the part (0 to 1) below `belowMs`. */
  async limiterWait(provider, calls, belowMs) {
    const { rows } = await this.#client.query(
      `SELECT percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY limiter_ms) AS ms,
         avg((limiter_ms < $3)::int)::float8 AS below
       FROM (SELECT limiter_ms FROM llm_usage_attempts WHERE provider = $1 ORDER BY created_at DESC LIMIT $2) AS latest`,
      [provider, calls, belowMs],
    );
    const [p50, p95, p99] = rows[0].ms;
    return { p50, p95, p99, below: rows[0].below };
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
