/**
 * Direct mode: this process carries requests out itself, at most so many at a time, while Redis is away or no worker serves any of
 * their lanes. The rules are the engine's own; only limits and the health of providers are kept here, for this process alone.
 */
import { carryOut, type DirectRun, type EngineDeps, type UsageSpool } from '@llm-gateway/engine';
import type {
  Flights,
  GenerateJobPayload,
  LocalLaneHealth,
  LocalLimiter,
  Outcome,
  RedisPulse,
  RequestStore,
} from '@llm-gateway/queue';

export interface DirectModeOptions extends Pick<
  EngineDeps,
  'instanceId' | 'cache' | 'cacheInOrder' | 'providers' | 'budgets' | 'logger'
> {
  /** Requests at a time; 0: direct mode is off. */
  maxConcurrency: number;
  pulse: Pick<RedisPulse, 'isUp'>;
  cachePulse: Pick<RedisPulse, 'isUp' | 'canRead'>;
  store: RequestStore;
  flights: Flights;
  limiter: LocalLimiter;
  lanes: LocalLaneHealth;
  spool: UsageSpool;
}

/** One request's place among those that are carried out here. */
export interface Place {
  readonly requestId: string;
  readonly controller: AbortController;
}

export interface DirectRequest {
  payload: GenerateJobPayload;
  /** Its place: given back when the request has ended. */
  place: Place;
  /** Aborts when nobody wants the answer any more. */
  signal: AbortSignal;
}

export type PassOn = DirectRun['passOn'];

/** What the rows of one request take in the spool, amply. */
const ROW_BYTES = 4_096;

const NO_FLIGHTS: EngineDeps['flights'] = { release: () => Promise.resolve() };
const NO_CACHE: EngineDeps['cache'] = { set: () => Promise.resolve(), getStale: () => Promise.resolve(null) };
const NO_BUDGETS: EngineDeps['budgets'] = { settle: () => Promise.resolve() };

export class DirectMode {
  readonly #options: DirectModeOptions;
  readonly #places = new Map<string, Place>();

  constructor(options: DirectModeOptions) {
    this.#options = options;
  }

  get isOff(): boolean {
    return this.#options.maxConcurrency === 0;
  }

  /**
   * Takes a place at once, before anything is waited for: of a thousand that come in the same moment no more get in than may.
   * @returns null where there is none, for the request or for its rows, and where this very request has one already.
   */
  enter(requestId: string): Place | null {
    const { maxConcurrency, spool } = this.#options;
    const taken = this.#places.size;
    if (taken >= maxConcurrency || this.#places.has(requestId) || !spool.hasRoom(taken * ROW_BYTES)) return null;
    const place = { requestId, controller: new AbortController() };
    this.#places.set(requestId, place);
    return place;
  }

  /** Gives a place back that was taken for nothing. */
  leave({ requestId }: Place): void {
    this.#places.delete(requestId);
  }

  /** Requests that are carried out here just now. */
  get running(): number {
    return this.#places.size;
  }

  /** Aborts a request that is carried out here. */
  cancel(requestId: string): void {
    this.#places.get(requestId)?.controller.abort();
  }

  /** Redis is away: nothing of the request is known outside of this process. @returns its outcome. Never rejects. */
  async alone(request: DirectRequest): Promise<Outcome> {
    return (await this.#run(request, null, () => Promise.resolve(false))) ?? neverPassedOn();
  }

  /**
   * Only the workers are away: in Redis the request is like any other's, for those who wait for it, share it or cancel it.
   * @returns null once it was passed on to workers. Never rejects.
   */
  async inTheirPlace(request: DirectRequest, passOn: PassOn): Promise<Outcome | null> {
    return this.#run(request, this.#options.store, passOn);
  }

  async #run({ payload, place, signal }: DirectRequest, shared: RequestStore | null, passOn: PassOn): Promise<Outcome | null> {
    const { spool } = this.#options;
    const { controller } = place;
    const abort = () => controller.abort();
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    try {
      return await carryOut(this.#engine(shared !== null), { payload, signal: controller.signal, spool, shared, passOn });
    } finally {
      this.leave(place);
      signal.removeEventListener('abort', abort);
    }
  }

  #engine(withRedis: boolean): Omit<EngineDeps, 'store' | 'belt'> {
    const { cachePulse, cache, flights, budgets, ...rest } = this.#options;
    return {
      ...rest,
      // A flight that cannot be given back ends by itself.
      flights: withRedis ? { release: (flight, id) => flights.release(flight, id).catch(() => undefined) } : NO_FLIGHTS,
      cache: cachePulse.canRead ? cache : NO_CACHE,
      budgets: withRedis ? budgets : NO_BUDGETS,
    };
  }
}

function neverPassedOn(): never {
  throw new Error('without Redis nothing is passed on');
}
