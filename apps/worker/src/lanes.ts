/** The lanes that this process serves: one BullMQ worker for each provider that is there, as providers come and go. */
import type { Belt, GenerateJobPayload, LaneHealth, LaneResult, Limiter } from '@llm-gateway/queue';
import { LaneWorker } from '@llm-gateway/queue';
import type { ConfigSnapshot, Logger } from '@llm-gateway/shared';

/** How long a lane without a worker goes unnoticed by the API: heartbeats come this often. */
const HEARTBEAT_MS = 1_000;
/**
 * A removed provider's lane stays open for this long, and until its queue is empty: an API replica that has not heard of the
 * removal yet still puts jobs on it, and each of them must move on to its next candidate.
 */
const LINGER_MS = 10_000;

export interface LanesOptions {
  workerId: string;
  redisUrl: string;
  concurrency: number;
  /** Serve just these; undefined: all. */
  only: readonly string[] | undefined;
  health: LaneHealth;
  limiter: Limiter;
  belt: Pick<Belt, 'everKnown' | 'isEmpty'>;
  /** Epoch ms: what was changed before is in the configuration that is followed. */
  configConfirmedAt: () => number;
  logger: Logger;
  handle: (payload: GenerateJobPayload, signal: AbortSignal) => Promise<LaneResult>;
  trim: (provider: string) => Promise<void>;
  onDead: (requestId: string, why: 'poisoned' | 'unreadable') => Promise<void>;
}

export class Lanes {
  readonly #workers = new Map<string, LaneWorker>();
  /** Removed lanes that still finish what they hold. */
  readonly #closing = new Set<Promise<void>>();
  readonly #draining = new Set<LaneWorker>();
  /** Lanes of removed providers, by the time at which they may close. */
  readonly #lingering = new Map<string, number>();
  /** Providers there are; null: not known yet. */
  #configured: ReadonlySet<string> | null = null;
  /** When a queue was first seen whose provider is not there, by the provider's name. */
  readonly #orphans = new Map<string, number>();
  readonly #options: LanesOptions;
  /** A draining process takes nothing new on, whatever the configuration says. */
  #closed = false;
  #paused = true;
  /** Of being paused and resumed. */
  #turn = 0;
  #latest: ConfigSnapshot | null = null;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(options: LanesOptions) {
    this.#options = options;
    this.#heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_MS);
  }

  /** Serves what the configuration names, and nothing else. A disabled provider keeps its lane: its waiting jobs move on from there. */
  follow(snapshot: ConfigSnapshot): void {
    this.#latest = snapshot;
    if (this.#closed || this.#paused) return;
    const { only } = this.#options;
    this.#configured = new Set(snapshot.providers.map((provider) => provider.name));
    const wanted = snapshot.providers.map((provider) => provider.name).filter((name) => !only || only.includes(name));
    for (const name of wanted) {
      this.#lingering.delete(name);
      if (!this.#workers.has(name)) this.#open(name);
    }
    for (const name of this.#workers.keys()) {
      if (!wanted.includes(name) && !this.#lingering.has(name)) this.#lingering.set(name, Date.now() + LINGER_MS);
    }
    void this.#beat();
  }

  /** Takes no jobs until it is resumed, whatever the configuration says; those in hand are finished. So it is at its start. */
  pause(): void {
    this.#turn++;
    this.#paused = true;
    for (const name of [...this.#workers.keys()]) this.#remove(name);
    this.#lingering.clear();
  }

  /** Serves what the configuration names now, once the lanes that were paused are closed. */
  async resume(): Promise<void> {
    const turn = ++this.#turn;
    await Promise.all(this.#closing);
    if (turn !== this.#turn) return;
    this.#paused = false;
    if (this.#latest) this.follow(this.#latest);
  }

  cancel(requestId: string): void {
    for (const worker of this.#workers.values()) worker.cancel(requestId);
  }

  get names(): string[] {
    return [...this.#workers.keys()];
  }

  /** Takes no more jobs, and resolves when those in hand are done. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    for (const name of [...this.#workers.keys()]) this.#remove(name);
    await Promise.all(this.#closing);
  }

  /** For a drain that takes too long: what is still in hand is any other worker's at once. */
  async handBack(): Promise<void> {
    await Promise.allSettled([...this.#draining].map((worker) => worker.handBack()));
  }

  #open(provider: string): void {
    const { redisUrl, concurrency, workerId, logger, handle, trim, onDead } = this.#options;
    this.#workers.set(provider, new LaneWorker({ provider, redisUrl, concurrency, workerId, logger, handle, trim, onDead }));
    logger.info({ provider }, 'lane opened');
  }

  #remove(provider: string): void {
    const worker = this.#workers.get(provider);
    if (!worker) return;
    this.#workers.delete(provider);
    const { health, limiter, workerId, logger } = this.#options;
    this.#draining.add(worker);
    const closed = (async () => {
      await health.leave(workerId, provider).catch(() => undefined);
      await worker.close();
      await limiter.drop(provider);
      logger.info({ provider }, 'lane closed');
    })().catch((error: unknown) => logger.warn({ err: error, provider }, 'lane could not be closed cleanly'));
    this.#closing.add(closed);
    void closed.finally(() => {
      this.#closing.delete(closed);
      this.#draining.delete(worker);
    });
  }

  async #beat(): Promise<void> {
    if (this.#closed || this.#paused) return;
    try {
      await this.#options.health.heartbeat(this.#options.workerId, this.names);
      await this.#openOrphans();
      await this.#closeEmptied();
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'heartbeat failed, the next one tries again');
    }
  }

  /**
   * A provider that was removed while nobody served its lane may have left jobs there: the lane is opened until they have moved on. Only
   * once the configuration was confirmed after the queue was seen: a provider that this process has yet to hear of is none of these.
   */
  async #openOrphans(): Promise<void> {
    const { belt, configConfirmedAt } = this.#options;
    const configured = this.#configured;
    if (!configured) return;
    const orphans = (await belt.everKnown()).filter((name) => !configured.has(name) && !this.#workers.has(name));
    for (const name of this.#orphans.keys()) if (!orphans.includes(name)) this.#orphans.delete(name);
    for (const name of orphans) {
      const seenAt = this.#orphans.get(name);
      if (seenAt === undefined) this.#orphans.set(name, Date.now());
      else if (configConfirmedAt() > seenAt && !(await belt.isEmpty(name)) && this.#stillGone(name)) {
        this.#lingering.set(name, Date.now() + LINGER_MS);
        this.#open(name);
      }
    }
  }

  /** What was true before an await need not be true after it. */
  #stillGone(name: string): boolean {
    return !this.#closed && !this.#paused && !this.#configured?.has(name) && !this.#workers.has(name);
  }

  async #closeEmptied(): Promise<void> {
    for (const [provider, mayCloseAt] of this.#lingering) {
      if (Date.now() < mayCloseAt || !(await this.#options.belt.isEmpty(provider))) continue;
      if (this.#lingering.delete(provider)) this.#remove(provider);
    }
  }
}
