/**
 * Three books of the same requests side by side: what callers got, what providers counted, what the database holds. Each figure
 * is a number of things that are wrong, and wanted 0 unless a test allows some.
 */
import type { Entry } from '../load/client.js';
import type { VendorCall } from '../rig/vendor.js';
import type { AttemptRow, DatabaseBook } from './database-book.js';

export interface Balance {
  requests: number;
  /** Requests that were not answered 200 in the end. */
  unanswered: number;
  /** Requests that were answered 200, or that a provider was called for, and that have no row, or no row of success. */
  lost: number;
  /** Tries that went on past their deadline by more than a second. */
  hanging: number;
  /** Requests with more than one row of an answer. A try that was turned away is a request, and a row, of its own. */
  doubledRows: number;
  calls: number;
  rows: number;
  /** Provider calls without a row. */
  unbilled: number;
  /** Rows of calls that never reached the provider: their process ended, or the network, before they did. */
  uncalledRows: number;
  /** Calls of a request beyond its first, but for those that follow a recorded failure of the provider. */
  duplicated: number;
  /** Rows of answers that were read, beyond the first of the same call. */
  bookedTwice: number;
  /** Answers that a provider bills and no row says were read: their rows, if any, are estimates. */
  unreadBills: number;
  /** Callers who got 200 with an answer to something else. */
  wrongAnswers: number;
  /** Rows whose cost is an estimate, because nobody lived to read the answer. */
  estimated: number;
  /** Attempts that belong to no request. */
  orphans: number;
  /** Sum of all differences, in nano-USD: a read answer's row and the provider's bill, a request's row and its attempts, the answer and the row. */
  costDifference: number;
  billedNanoUsd: number;
}

interface Books {
  entries: readonly Entry[];
  calls: readonly VendorCall[];
  database: DatabaseBook;
}

export function balance({ entries, calls, database }: Books): Balance {
  const { logs, attempts, orphans } = database;
  const callsBy = countBy(calls, (call) => call.marker);
  const rowsBy = countBy(attempts, (row) => row.marker ?? '');
  const failedBy = countBy(attempts.filter(isRecordedFailure), (row) => row.marker ?? '');
  const logsBy = countBy(logs, (log) => log.marker ?? '');
  const goodBy = countBy(
    logs.filter((log) => log.status === 'ok'),
    (log) => log.marker ?? '',
  );
  const markers = [...new Set([...callsBy.keys(), ...rowsBy.keys()])];
  const answered = entries.filter((entry) => entry.status === 200);
  const read = attempts.filter((row) => row.status === 'ok').map((row) => row.vendorRequestId ?? '');
  const readOnce = new Set(read);
  return {
    requests: entries.length,
    unanswered: entries.length - answered.length,
    lost: new Set([
      ...answered.map((entry) => entry.marker).filter((marker) => !goodBy.has(marker)),
      ...[...callsBy.keys()].filter((key) => !logsBy.has(key)),
    ]).size,
    hanging: entries.filter((entry) => entry.hung).length,
    doubledRows: [...goodBy.values()].filter((count) => count > 1).length,
    calls: calls.length,
    rows: attempts.length,
    unbilled: sum(markers.map((key) => Math.max(0, (callsBy.get(key) ?? 0) - (rowsBy.get(key) ?? 0)))),
    uncalledRows: sum(markers.map((key) => Math.max(0, (rowsBy.get(key) ?? 0) - (callsBy.get(key) ?? 0)))),
    duplicated: sum([...callsBy].map(([key, count]) => Math.max(0, count - 1 - (failedBy.get(key) ?? 0)))),
    bookedTwice: read.length - readOnce.size,
    unreadBills: calls.filter((call) => (call.billNanoUsd ?? 0) > 0 && !readOnce.has(`standin-${call.number}`)).length,
    wrongAnswers: answered.filter((entry) => entry.result?.content !== `answer to ${entry.marker}`).length,
    estimated: attempts.filter((row) => row.estimated).length,
    orphans,
    costDifference: costDifference({ entries, calls, database }),
    billedNanoUsd: sum(calls.map((call) => call.billNanoUsd ?? 0)),
  };
}

const isRecordedFailure = (row: AttemptRow): boolean => row.status === 'error';

function costDifference({ entries, calls, database: { logs, attempts } }: Books): number {
  const bills = new Map(calls.map((call) => [`standin-${call.number}`, call.billNanoUsd ?? 0]));
  const ofAttempts = attempts
    .filter((row) => row.status === 'ok')
    .map((row) => Math.abs((row.costNanoUsd ?? NaN) - (bills.get(row.vendorRequestId ?? '') ?? NaN)));
  const sums = new Map<string, number>();
  for (const row of attempts) sums.set(row.requestId, (sums.get(row.requestId) ?? 0) + (row.costNanoUsd ?? 0));
  const ofLogs = logs.map((log) => Math.abs((log.costNanoUsd ?? NaN) - (sums.get(log.id) ?? 0)));
  const costs = new Map(logs.map((log) => [log.id, log.costNanoUsd]));
  const ofAnswers = entries.flatMap(({ result }) =>
    result ? [Math.abs(Math.round((result.cost_usd ?? NaN) * 1e9) - (costs.get(result.id) ?? NaN))] : [],
  );
  return sum([...ofAttempts, ...ofLogs, ...ofAnswers]);
}

function countBy<T>(things: readonly T[], key: (thing: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const thing of things) counts.set(key(thing), (counts.get(key(thing)) ?? 0) + 1);
  return counts;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
