/** Takes usage events from the stream into the database. Runs in every worker; together they write each row once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { insertUsage, isDataError, type Db } from '@llm-gateway/db';
import type { UsageEntry, UsageReader } from '@llm-gateway/queue';
import type { Logger } from '@llm-gateway/shared';
import type { BudgetBook } from '../budgets/budget-book.js';

/** What waits is written in big batches: the sums of the hour are changed once for each, whatever it holds. */
const BATCH = 2_000;
const BLOCK_MS = 1_000;
/**
 * A transaction costs much the same for one row and for a hundred: under load the writer lets rows gather. After a quiet time the
 * first one goes at once.
 */
const GATHER_MS = 200;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;

export class UsageWriter {
  readonly #reader: UsageReader;
  readonly #db: Db;
  readonly #logger: Logger;
  readonly #budgets: Pick<BudgetBook, 'settle'>;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;

  constructor(reader: UsageReader, { db, budgets, logger }: { db: Db; budgets: Pick<BudgetBook, 'settle'>; logger: Logger }) {
    this.#reader = reader;
    this.#db = db;
    this.#logger = logger;
    this.#budgets = budgets;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Finishes the batch in hand. What is not acknowledged is another writer's in a few seconds. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let prepared = false;
    while (!this.#stopping.signal.aborted) {
      try {
        if (!prepared) await this.#reader.prepare();
        prepared = true;
        const entries = await this.#reader.read(BATCH, BLOCK_MS);
        if (entries.length === 0) continue;
        const startedAt = Date.now();
        await this.#write(entries);
        if (entries.length < BATCH) await this.#pause(Math.max(0, startedAt + GATHER_MS - Date.now()));
      } catch (error) {
        // NOGROUP after redis came back empty: make the groups again.
        prepared = false;
        this.#logger.warn({ err: error }, 'usage stream could not be read, trying again');
        await this.#pause(FIRST_RETRY_MS);
      }
    }
  }

  /** Until the rows are in: an outage of the database delays them, a row that it refuses goes aside alone. */
  async #write(entries: UsageEntry[]): Promise<void> {
    for (let wait = FIRST_RETRY_MS; !this.#stopping.signal.aborted; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      try {
        const { spent } = await insertUsage(
          this.#db,
          entries.map((entry) => entry.event),
        );
        // Not before the commit, which makes it true. Should this process die here, the budgets' next look at the rows finds it.
        await this.#budgets.settle('recorded', spent);
        await this.#reader.acknowledge(entries);
        return;
      } catch (error) {
        if (isDataError(error)) {
          await this.#writeApart(entries, error);
          return;
        }
        this.#logger.warn({ err: error, rows: entries.length }, 'usage rows could not be written, they wait in the stream');
        await this.#pause(wait);
      }
    }
  }

  /** One of the batch is bad: halve until it is alone. */
  async #writeApart(entries: UsageEntry[], error: unknown): Promise<void> {
    const [only] = entries;
    if (entries.length === 1 && only) {
      await this.#reader.bury(only, error instanceof Error ? error.message : 'refused by the database');
      return;
    }
    const half = Math.ceil(entries.length / 2);
    await this.#write(entries.slice(0, half));
    await this.#write(entries.slice(half));
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
