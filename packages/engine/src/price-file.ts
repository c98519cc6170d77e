import { existsSync, unwatchFile, watchFile } from 'node:fs';
import { usePriceFile } from '@llm-gateway/providers';
import type { Logger } from '@llm-gateway/shared';

const CHECK_EVERY_MS = 10_000;

/**
 * Prices calls by the table that `prices:refresh` keeps in a file, and by each newer one that takes its place there. Prices are no gate:
 * without a good file the table in use stays, and calls go on.
 * @returns ends it.
 */
export function followPriceFile(file: string, logger: Logger, checkEveryMs = CHECK_EVERY_MS): () => void {
  const use = (): void => {
    try {
      logger.info({ file, ...usePriceFile(file) }, 'price table read');
    } catch (error) {
      logger.warn({ file, err: error }, 'price table not read, the one in use stays');
    }
  };
  if (existsSync(file)) use();
  else logger.warn({ file }, 'no price table there yet, the bundled one is used');
  const onChange = (now: { mtimeMs: number }): void => {
    if (now.mtimeMs > 0) use(); // 0: it is gone
  };
  watchFile(file, { interval: checkEveryMs, persistent: false }, onChange);
  return () => unwatchFile(file, onChange);
}
