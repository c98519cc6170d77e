/**
 * Money inside is an integer number of nano-dollars (1e-9 USD), so that sums are exact; the database holds the same as
 * `Decimal(18,9)`, the wire a JSON number of USD.
 */
export type NanoUsd = number;

export const NANO_PER_USD = 1_000_000_000;
export const usdToNano = (usd: number): NanoUsd => Math.round(usd * NANO_PER_USD);
export const nanoToUsd = (nano: NanoUsd): number => nano / NANO_PER_USD;

/** @returns the sum, or null when one of the costs is unknown: an unknown cost never counts as 0. */
export function sumCosts(costs: readonly (NanoUsd | null)[]): NanoUsd | null {
  let sum = 0;
  for (const cost of costs) {
    if (cost === null) return null;
    sum += cost;
  }
  return sum;
}
