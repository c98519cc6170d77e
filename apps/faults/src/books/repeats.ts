/** What is known of a request that was called for more often than its failures explain, for whoever has to find out why. */
import type { VendorCall } from '../rig/vendor.js';
import type { AttemptRow } from './database-book.js';

/** @returns one line a request, of the first few: its calls as the provider saw them, and its rows. Times in ms from its first call on. */
export function repeats(calls: readonly VendorCall[], attempts: readonly AttemptRow[], most = 5): string[] {
  const markers = new Map<string, VendorCall[]>();
  for (const call of calls) markers.set(call.marker, [...(markers.get(call.marker) ?? []), call]);
  const repeated = [...markers].filter(([marker, of]) => of.length > 1 + failures(attempts, marker));
  return repeated.slice(0, most).map(([marker, of]) => {
    const from = of[0]?.startedAtMs ?? 0;
    const seen = of.map(
      (call) => `${ms(call.startedAtMs - from)}-${ms((call.endedAtMs ?? NaN) - from)} ${call.outcome} :${call.port}`,
    );
    const rows = attempts.filter((row) => row.marker === marker);
    const first = Math.min(...rows.map((row) => row.createdAt));
    const written = rows.map((row) => `${ms(row.createdAt - first)} ${row.status} by ${row.worker}`);
    return `${marker}: calls ${seen.join(', ')}; rows ${written.join(', ')}`;
  });
}

const failures = (attempts: readonly AttemptRow[], marker: string): number =>
  attempts.filter((row) => row.marker === marker && row.status === 'error').length;

const ms = (value: number): string => value.toFixed(0);
