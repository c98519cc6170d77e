/** A newer price table in place of the bundled one. */
import { readFileSync } from 'node:fs';
import { updatePrices, waitForUpdate, type Provider } from '@pydantic/genai-prices';
import { parsePriceData } from './price-data.js';
import { tableInUse, VENDOR_IDS } from './price-table.js';

export interface PriceTableInfo {
  version: string;
  /** Those that have a price. Without any they count as free, which a damaged table makes of all. */
  models: number;
  /** Such models of the vendors that our provider types are priced by. */
  vendors: Record<string, number>;
}

/** The table that calls are priced by now. */
export async function currentPriceTable(): Promise<PriceTableInfo> {
  return describe(tableInUse.version, (await waitForUpdate()) ?? []);
}

/**
 * Prices calls by another table from now on, in this process. The one in use stays where the new one is no good.
 * @throws Error that says what is wrong with it.
 */
export function usePriceTable(text: string): PriceTableInfo {
  const { version, providers } = parsePriceData(text);
  // The library's own check comes with it, and throws before anything is changed.
  updatePrices(({ setProviderData }) => setProviderData(providers));
  tableInUse.version = version;
  return describe(version, providers);
}

/** {@link usePriceTable} for the file that `prices:refresh` writes. @throws Error also where it cannot be read. */
export const usePriceFile = (file: string): PriceTableInfo => usePriceTable(readFileSync(file, 'utf8'));

/**
 * Why a table should not take the place of another, in words: a damaged or cut one would make costs unknown, and budgets blind.
 * @returns nothing for a table that may.
 */
export function lossesOf(current: PriceTableInfo, next: PriceTableInfo): string[] {
  const isHalved = (before: number, after: number): boolean => before > 0 && after <= before / 2;
  const halved = Object.entries(current.vendors).filter(([vendor, before]) => isHalved(before, next.vendors[vendor] ?? 0));
  return [
    ...(isHalved(current.models, next.models) ? [`it has ${next.models} models, where ${current.models} are known now`] : []),
    ...halved.map(([vendor, before]) => `it has ${next.vendors[vendor] ?? 0} models of ${vendor}, where ${before} are known now`),
  ];
}

function describe(version: string, providers: readonly Provider[]): PriceTableInfo {
  const priced = new Map(providers.map(({ id, models }) => [id, models.filter(hasPrice).length]));
  const models = [...priced.values()].reduce((sum, count) => sum + count, 0);
  return { version, models, vendors: Object.fromEntries(VENDOR_IDS.map((id) => [id, priced.get(id) ?? 0])) };
}

/** Whether the prices of a model, today's or any of its history, are of anything. */
const hasPrice = ({ prices }: Provider['models'][number]): boolean =>
  (Array.isArray(prices) ? prices.map((one) => one.prices) : [prices]).some((one) => Object.keys(one).length > 0);
