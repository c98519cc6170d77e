/** @returns the smallest time that so many of a hundred do not exceed; nulls where there are none. */
export function percentiles(timesMs) {
  const sorted = Float64Array.from(timesMs).sort();
  const at = (share) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
