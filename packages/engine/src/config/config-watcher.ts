/** The configuration in memory: loaded from PostgreSQL, else from its mirror in Redis, and kept up to date within two seconds. */
import { configVersion, loadSnapshot, type Db } from '@llm-gateway/db';
import { announceConfigChange, onConfigChange, readConfigMirror, writeConfigMirror, type Redis } from '@llm-gateway/queue';
import type { ConfigSnapshot, Logger } from '@llm-gateway/shared';

/** The notice over Redis is quick but can be missed; this look at the version cannot. */
const POLL_MS = 1_000;
/** A database that has not answered for so long may be out of reach for this process alone: others may change what stands in it. */
const SILENT_MS = 1_500;
/** With Redis silent as well, this is when it is said that what was revoked meanwhile is not known here. */
const BLIND_MS = 60_000;

export interface ConfigWatcherOptions {
  db: Db;
  redis: Redis;
  subscriber: Redis;
  logger: Logger;
}

export class ConfigWatcher {
  #snapshot: ConfigSnapshot = { version: -1, providers: [], overrides: [], budgets: [], unreadable: [] };
  #loading: Promise<void> | null = null;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #polling = false;
  #reported = false;
  #reportedBlind = false;
  #confirmedAt = 0;
  readonly #startedAt = Date.now();
  readonly #listeners: ((snapshot: ConfigSnapshot) => void)[] = [];
  readonly #options: ConfigWatcherOptions;

  constructor(options: ConfigWatcherOptions) {
    this.#options = options;
  }

  /** Loads once, then watches. Resolves also where nothing could be loaded yet: {@link loaded} tells. */
  async start(): Promise<void> {
    onConfigChange(this.#options.subscriber, () => {
      void this.#reload();
      void this.#followMirror();
    });
    // A mirror that missed a change while Redis was away would bring revoked keys back.
    this.#options.subscriber.on('ready', () => void this.#reload());
    await this.#reload();
    if (!this.loaded) await this.#loadMirror();
    this.#timer = setInterval(() => {
      void this.#poll();
      void this.#followMirror();
    }, POLL_MS);
    this.#timer.unref();
  }

  stop(): void {
    this.#listeners.length = 0;
    clearInterval(this.#timer);
  }

  get loaded(): boolean {
    return this.#snapshot.version >= 0;
  }

  /** Epoch ms; 0: never. Every change that was committed before it is in {@link current}. */
  get confirmedAt(): number {
    return this.#confirmedAt;
  }

  /** For how long the database has not said that {@link current} is the configuration. */
  get unconfirmedMs(): number {
    return Date.now() - Math.max(this.#confirmedAt, this.#startedAt);
  }

  current(): ConfigSnapshot {
    return this.#snapshot;
  }

  onChange(listener: (snapshot: ConfigSnapshot) => void): void {
    this.#listeners.push(listener);
  }

  /** Looks whether this is the configuration as it is now, and loads it where it is not. @returns false when that cannot be found out. */
  async isCurrent(): Promise<boolean> {
    try {
      const version = await configVersion(this.#options.db);
      if (version > this.#snapshot.version) await this.#reload();
      return this.#snapshot.version >= version;
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  /** After a change by this process: load it now, and tell the others. */
  async changed(): Promise<void> {
    await this.#reload();
    await announceConfigChange(this.#options.redis).catch(() => undefined);
  }

  async #poll(): Promise<void> {
    // A database that hangs must not collect a query a second.
    if (this.#polling) return;
    this.#polling = true;
    try {
      const askedAt = Date.now();
      if ((await configVersion(this.#options.db)) !== this.#snapshot.version) await this.#reload();
      else this.#confirmedAt = askedAt;
      this.#reported = false;
    } catch (error) {
      this.#report(error);
    } finally {
      this.#polling = false;
    }
  }

  /** One load at a time; a change that comes in during a load is loaded after it. */
  async #reload(): Promise<void> {
    if (this.#loading) {
      this.#again = true;
      return this.#loading;
    }
    this.#loading = this.#load().finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #load(): Promise<void> {
    do {
      this.#again = false;
      try {
        const askedAt = Date.now();
        const snapshot = await loadSnapshot(this.#options.db);
        if (snapshot.version !== this.#snapshot.version) this.#adopt(snapshot);
        this.#confirmedAt = askedAt;
        void this.#mirror(snapshot).catch(() => undefined);
      } catch (error) {
        this.#report(error);
      }
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- set by other calls during the await
    } while (this.#again);
  }

  async #mirror(snapshot: ConfigSnapshot): Promise<void> {
    const { db, redis } = this.#options;
    const newer = await writeConfigMirror(redis, snapshot);
    // Newer than the database itself: left behind by one that was there before, or before a backup was restored. It would bring back what is gone.
    if (newer !== null && (await configVersion(db)) < newer) await writeConfigMirror(redis, snapshot, newer);
  }

  /** While the database is silent, what other processes have read there: above all which keys are revoked. */
  async #followMirror(): Promise<void> {
    const silentMs = this.unconfirmedMs;
    if (silentMs < SILENT_MS) {
      this.#reportedBlind = false;
      return;
    }
    if ((await this.#loadMirror()) || silentMs < BLIND_MS || this.#reportedBlind) return;
    this.#reportedBlind = true;
    this.#options.logger.error(
      { silentMs },
      'neither PostgreSQL nor Redis can be reached: changes, revoked keys among them, are not known here until one of them is back',
    );
  }

  /** @returns false where Redis cannot be asked. */
  async #loadMirror(): Promise<boolean> {
    const mirror = await readConfigMirror(this.#options.redis, this.#snapshot.version).catch(() => undefined);
    // It may have been loaded from the database meanwhile.
    if (!mirror || mirror.version <= this.#snapshot.version) return mirror !== undefined;
    this.#options.logger.warn(
      { version: mirror.version },
      'the database does not answer in time, using the configuration mirrored in redis',
    );
    this.#adopt(mirror);
    return true;
  }

  #adopt(snapshot: ConfigSnapshot): void {
    this.#snapshot = snapshot;
    const { unreadable } = snapshot;
    if (unreadable.length > 0)
      this.#options.logger.error({ unreadable }, 'these providers cannot be understood by this build and are left out');
    for (const listener of this.#listeners) {
      try {
        listener(snapshot);
      } catch (error) {
        this.#options.logger.error({ err: error }, 'a change of the configuration could not be followed');
      }
    }
  }

  #report(error: unknown): void {
    if (!this.#reported)
      this.#options.logger.warn(
        { err: error },
        'configuration could not be read from the database, going on with the last known',
      );
    this.#reported = true;
  }
}
