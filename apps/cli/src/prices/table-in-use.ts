import { existsSync } from 'node:fs';
import { currentPriceTable, usePriceFile, type PriceTableInfo } from '@llm-gateway/providers';

/** The table that the API and the workers use: the refreshed one, or the bundled one where there is no file yet. @throws Error for a damaged file. */
export async function tableInUse(file: string | undefined): Promise<PriceTableInfo> {
  return file !== undefined && existsSync(file) ? usePriceFile(file) : currentPriceTable();
}
