import { setTimeout as sleep } from 'node:timers/promises';
import { balance, type Balance } from '../books/balance.js';
import { readDatabase, type DatabaseBook } from '../books/database-book.js';
import { repeats } from '../books/repeats.js';
import { settled, unsettled } from '../books/unsettled.js';
import type { TestContext } from '../fault-test.js';
import type { Rig } from '../rig/rig.js';

/** Rows of direct mode are in the database by then. */
const SPOOL_MS = 15_000;

/** What may differ from 0, and how far. */
export interface Allowances {
  /** Requests that need no answer of 200. */
  unanswered?: number;
  /** Provider calls made again: at most those that were in flight when their worker was killed. */
  duplicated?: number;
  /** Answers that a provider sent and nobody lived, or was left on the line, to read. Default: as many as may be duplicated. */
  unreadBills?: number;
  /** Attempts written down whose call did not get as far as the provider. */
  uncalledRows?: number;
  settleWithinMs?: number;
}

/** Waits until nothing is on its way any more, compares the three books, and says what must be 0. */
export async function closeBooks(context: TestContext, allowances: Allowances = {}, rig: Rig = context.rig): Promise<Balance> {
  const { client, findings, name } = context;
  const { unanswered = 0, duplicated = 0, uncalledRows = 0, unreadBills = duplicated, settleWithinMs } = allowances;
  const settleMs = await settled(rig, settleWithinMs);
  let database: DatabaseBook = { logs: [], attempts: [], orphans: 0 };
  const calls = () => rig.vendor.callsOf(`${name}-`);
  const compare = async (): Promise<Balance> => {
    database = await readDatabase(rig, name);
    return balance({ entries: client.entries, calls: calls(), database });
  };
  let books = await compare();
  // What was carried out without Redis comes in by another way, whose length nobody tells.
  for (const end = Date.now() + SPOOL_MS; (books.lost > 0 || books.unbilled > 0) && Date.now() < end; books = await compare())
    await sleep(250);
  findings.tell('requests', books.requests);
  findings.atMost('not answered', books.unanswered, unanswered);
  findings.zero('answered with what another asked', books.wrongAnswers);
  findings.zero('lost', books.lost);
  findings.zero('hanging', books.hanging);
  findings.tell('provider calls', books.calls);
  findings.tell('rows of calls', books.rows);
  findings.zero('unbilled', books.unbilled);
  findings.atMost('rows without a call', books.uncalledRows, uncalledRows);
  findings.zero('doubled rows', books.doubledRows);
  findings.zero('calls booked twice', books.bookedTwice);
  findings.atMost('bills that nobody read', books.unreadBills, unreadBills);
  findings.zero('orphaned rows', books.orphans);
  findings.atMost('repeated calls', books.duplicated, duplicated);
  if (books.duplicated > duplicated) for (const line of repeats(calls(), database.attempts)) findings.tell('repeated', line);
  findings.tell('estimated rows', books.estimated);
  findings.zero('cost difference in nano-USD', books.costDifference);
  findings.tell('billed by the providers in nano-USD', books.billedNanoUsd);
  findings.zero('usage events refused', (await unsettled(rig)).dead);
  findings.tell('s until the books were closed', settleMs / 1_000);
  return books;
}
