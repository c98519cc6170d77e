/** When keys were last used: noted in memory, written once a minute, never while a caller waits. */
import { noteKeyUse, type Db } from '@llm-gateway/db';
import type { Logger } from '@llm-gateway/shared';

const EVERY_MS = 60_000;
/** At the end of the process nobody waits longer for a note. */
const LAST_WRITE_MS = 1_000;

export class KeyUse {
  #lastUsed = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  readonly #db: Db;
  readonly #logger: Logger;

  constructor(db: Db, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.#write(), EVERY_MS);
    this.#timer.unref();
  }

  note(keyId: string): void {
    this.#lastUsed.set(keyId, Date.now());
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    let enough: NodeJS.Timeout | undefined;
    await Promise.race([this.#write(), new Promise((resolve) => (enough = setTimeout(resolve, LAST_WRITE_MS)))]);
    clearTimeout(enough);
  }

  async #write(): Promise<void> {
    if (this.#lastUsed.size === 0) return;
    const noted = this.#lastUsed;
    this.#lastUsed = new Map();
    try {
      await noteKeyUse(this.#db, noted);
    } catch (error) {
      // What was noted meanwhile is newer.
      this.#lastUsed = new Map([...noted, ...this.#lastUsed]);
      this.#logger.debug({ err: error }, 'last uses of keys are not written yet');
    }
  }
}
