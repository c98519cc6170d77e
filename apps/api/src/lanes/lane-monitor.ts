/** What this replica knows of all lanes, looked up once a second: for readiness, for the admin, and to refuse what nobody would carry out. */
import type { LaneHealth, LaneStatus, RedisPulse } from '@llm-gateway/queue';

const EVERY_MS = 1_000;
/** A lane is given this long for its workers to come back before requests for it are refused: restarts are not outages. */
const WORKERLESS_GRACE_MS = 10_000;

export class LaneMonitor {
  #statuses: ReadonlyMap<string, LaneStatus> = new Map();
  readonly #workerlessSince = new Map<string, number>();
  readonly #listeners: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #health: LaneHealth;
  readonly #providers: () => string[];
  readonly #pulse: Pick<RedisPulse, 'isUp'>;

  constructor(health: LaneHealth, providers: () => string[], pulse: Pick<RedisPulse, 'isUp'>) {
    this.#health = health;
    this.#providers = providers;
    this.#pulse = pulse;
  }

  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  status(): ReadonlyMap<string, LaneStatus> {
    return this.#statuses;
  }

  redisUp(): boolean {
    return this.#pulse.isUp;
  }

  /** True when a lane has a worker just now: not the opposite of {@link isWorkerless} for one that is not known. */
  isServed(provider: string): boolean {
    return (this.#statuses.get(provider)?.workers ?? 0) > 0;
  }

  /** True when a lane has no worker just now. */
  isWorkerless(provider: string): boolean {
    return this.#workerlessSince.has(provider);
  }

  /** True when a lane has had no worker for so long that waiting on it would be in vain. */
  isDeserted(provider: string): boolean {
    const since = this.#workerlessSince.get(provider);
    return since !== undefined && Date.now() - since > WORKERLESS_GRACE_MS;
  }

  async #look(): Promise<void> {
    try {
      this.#statuses = await this.#health.statuses(this.#providers());
      this.#noteWorkerless();
    } catch {
      // Without Redis nothing is known of the workers: not a reason to call them gone.
      this.#workerlessSince.clear();
    }
  }

  /** Called once a second while a lane has no worker. */
  onVacancy(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #noteWorkerless(): void {
    for (const [provider, { workers }] of this.#statuses) {
      if (workers > 0) this.#workerlessSince.delete(provider);
      else if (!this.#workerlessSince.has(provider)) this.#workerlessSince.set(provider, Date.now());
    }
    if (this.#workerlessSince.size > 0) for (const listener of this.#listeners) listener();
  }
}
