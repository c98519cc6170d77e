/** The benchmark's look at the usage rows, on real ones: it is what makes its figures believable. */
import { beforeEach, expect, it } from '@jest/globals';
import { newRequestId } from '@llm-gateway/shared';
import { resolve } from 'node:path';
import { insertUsage } from '../src/index.js';
import { useDatabase } from './database-fixture.js';
import { ARRIVED, sampleAttempt, sampleEvent, sampleLog } from './samples.js';

interface Books {
  expect(requests: number): void;
  check(): Promise<unknown>;
  audit(): Promise<void>;
  close(): Promise<void>;
}
interface BooksModule {
  Books: { open(url: string, callsOfProvider: () => Promise<number>, options: { patienceMs: number }): Promise<Books> };
}

const fixture = useDatabase();
const { Books } = (await import(resolve(import.meta.dirname, '../../../bench/gateway/books.mjs'))) as BooksModule;

beforeEach(async () => {
  await fixture.sql('TRUNCATE llm_usage_logs, llm_usage_attempts, llm_usage_rollups');
  await insertUsage(fixture.db, [sampleEvent(), sampleEvent(), sampleEvent()]);
});

/** Looks once, after three requests that made three calls. */
async function look(): Promise<void> {
  const url = `${fixture.url}&options=${encodeURIComponent('-c search_path=llm_gateway_test')}`;
  const books = await Books.open(url, () => Promise.resolve(3), { patienceMs: 0 });
  try {
    books.expect(3);
    await books.check();
    await books.audit();
  } finally {
    await books.close();
  }
}

it('takes a row for each request and an attempt for each call', async () => {
  await expect(look()).resolves.toBeUndefined();
});

it('ends the run where one row is missing, or one attempt', async () => {
  await fixture.sql('DELETE FROM llm_usage_logs WHERE id = (SELECT min(id) FROM llm_usage_logs)');
  await expect(look()).rejects.toThrow('the usage rows are not complete: 2 rows where 3 belong');
  await insertUsage(fixture.db, [sampleEvent()]);
  await expect(look()).rejects.toThrow('the usage rows are not complete: 4 attempts where 3 belong');
});

it('is not misled where the numbers are right and the rows are not', async () => {
  await fixture.sql('UPDATE llm_usage_attempts SET request_id = $1 WHERE id = (SELECT min(id) FROM llm_usage_attempts)', [
    newRequestId(ARRIVED),
  ]);
  await expect(look()).rejects.toThrow('2 mismatched where 0 belong');
  await fixture.sql('TRUNCATE llm_usage_logs, llm_usage_attempts');
  const failed = sampleLog({ status: 'error', errorCode: 'provider_error' });
  const event = { v: 1 as const, log: failed, attempts: [sampleAttempt(failed.id)] };
  await insertUsage(fixture.db, [event, sampleEvent(), sampleEvent()]);
  await expect(look()).rejects.toThrow('1 failed where 0 belong');
});
