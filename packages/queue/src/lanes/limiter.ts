/**
 * The limits of each provider, exact over all replicas: requests a minute and concurrent calls in one Bottleneck limiter,
 * tokens a minute in another (a weight would count against the concurrency too). A provider without limits has neither.
 *
 * Short waits, for a free slot, happen here in memory. Long ones, for the next minute, are handed back to the caller, who puts
 * the job aside: waiting in the queue keeps it durable, in order of priority, and out of the others' way.
 */
import Bottleneck from 'bottleneck';
import type { Redis } from 'ioredis';
import type { Logger } from '@llm-gateway/shared';
import { limiterId, limiterSettingsKey } from './allowance.js';
import { bottleneckConnection } from './bottleneck-connection.js';
import { hearOnlyWhileWaiting } from './datastore.js';
import { Gate, type GateCall } from './gate.js';
import type { HeldSlot } from './slot.js';

const MINUTE_MS = 60_000;
/** Redis forgets a limiter that nobody used for this long. */
const IDLE_MS = 10 * MINUTE_MS;

export interface LaneLimits {
  rpmLimit: number | null;
  tpmLimit: number | null;
  maxConcurrency: number | null;
}

export interface Permit {
  /**
   * Gives the slot back. @param usedTokens what the call really used; null where it was not made, and counts for nothing.
   * @param calls made in the slot, one after the other: those beyond the first are taken from the minute now.
   */
  release(usedTokens: number | null, calls?: number): void;
}

/** `never`: the call is larger than what the provider takes in a minute. */
export type Admission = { kind: 'permit'; permit: Permit } | { kind: 'wait'; untilMs: number } | { kind: 'never' };

interface Lane {
  calls: Gate | null;
  tokens: Gate | null;
}

type Settings = Pick<
  Bottleneck.ConstructorOptions,
  'maxConcurrent' | 'reservoir' | 'reservoirRefreshAmount' | 'reservoirRefreshInterval'
>;

const UNLIMITED: Permit = { release: () => undefined };

export class Limiter {
  readonly #lanes = new Map<string, Promise<Lane>>();
  readonly #limits = new Map<string, LaneLimits>();
  /** One Bottleneck limiter an id for as long as the lane is served: a second one would take its notices away, and leave those who wait at it deaf. */
  readonly #limiters = new Map<string, Bottleneck>();
  readonly #connection: Bottleneck.IORedisConnection;
  readonly #redis: Redis;
  readonly #logger: Logger;

  /** @param redis a connection of its own; Bottleneck makes a second one from it for its notices. */
  constructor(redis: Redis, logger: Logger) {
    this.#redis = redis;
    this.#logger = logger;
    this.#connection = bottleneckConnection(redis);
    this.#connection.on('error', (error: Error) => logger.debug({ err: error }, 'limiter connection failed, reconnecting'));
  }

  /** Takes a slot. @returns a permit; or the time (epoch ms) before which there can be none, at most the call's deadline or the next minute. */
  async admit(provider: string, limits: LaneLimits, call: GateCall): Promise<Admission> {
    if (!hasLimits(limits) && !this.#lanes.has(provider)) return { kind: 'permit', permit: UNLIMITED };
    // Bottleneck would keep it waiting for ever, and everybody behind it.
    if (limits.tpmLimit !== null && call.weight > limits.tpmLimit) return { kind: 'never' };
    const lane = await this.#lane(provider, limits);
    return (await takeAtOnce(lane, call)) ?? (await takeInTurn(lane, call));
  }

  /** Forgets a provider's limiters in this process; what stands in Redis expires by itself. */
  async drop(provider: string): Promise<void> {
    const making = this.#lanes.get(provider);
    this.#lanes.delete(provider);
    this.#limits.delete(provider);
    const lane = await making?.catch(() => null);
    await Promise.all([lane?.calls?.close(), lane?.tokens?.close()]);
    for (const id of [limiterId(provider, 'calls'), limiterId(provider, 'tokens')]) {
      const limiter = this.#limiters.get(id);
      this.#limiters.delete(id);
      await limiter?.disconnect(false);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lanes.keys()].map((provider) => this.drop(provider)));
    void this.#connection.disconnect(false);
  }

  /** One set of limits a provider, brought up to date one change after the other; the promise is kept, so that callers at once share it. */
  async #lane(provider: string, limits: LaneLimits): Promise<Lane> {
    const known = this.#limits.get(provider);
    const making = this.#lanes.get(provider);
    if (known && making && sameLimits(known, limits)) return making;
    const lane = (making ?? Promise.resolve()).catch(() => undefined).then(() => this.#makeLane(provider, limits));
    this.#lanes.set(provider, lane);
    this.#limits.set(provider, { ...limits });
    lane.catch(() => this.#lanes.delete(provider));
    return lane;
  }

  async #makeLane(provider: string, { rpmLimit, tpmLimit, maxConcurrency }: LaneLimits): Promise<Lane> {
    const [calls, tokens] = await Promise.all([
      this.#gate(limiterId(provider, 'calls'), { maxConcurrent: maxConcurrency, ...perMinute(rpmLimit) }, true),
      this.#gate(limiterId(provider, 'tokens'), { maxConcurrent: null, ...perMinute(tpmLimit) }, false),
    ]);
    return { calls, tokens };
  }

  /** @param holds calls count for as long as they take. @returns null where there is nothing to limit; whoever waited at a limit that is gone may then go. */
  async #gate(id: string, settings: Settings, holds: boolean): Promise<Gate | null> {
    const limits = settings.maxConcurrent !== null || settings.reservoirRefreshAmount !== null;
    const known = this.#limiters.get(id);
    if (!known && !limits) return null;
    const limiter = known ?? this.#create(id, settings);
    await limiter.ready();
    const settingsKey = limiterSettingsKey(id);
    await this.#bringUpToDate(limiter, settingsKey, settings);
    const hasReservoir = settings.reservoirRefreshAmount !== null;
    return limits ? new Gate({ limiter, redis: this.#redis, settingsKey, hasReservoir, holds }) : null;
  }

  #create(id: string, settings: Settings): Bottleneck {
    const limiter = new Bottleneck({ id, connection: this.#connection, ...settings, timeout: IDLE_MS });
    limiter.on('error', (error: Error) => this.#logger.debug({ err: error, limiter: id }, 'limiter failed'));
    hearOnlyWhileWaiting(limiter);
    this.#limiters.set(id, limiter);
    return limiter;
  }

  /**
   * In Redis the first limiter's settings win: a change is written there too, and in this process those who wait are looked at
   * again. What the minute has used already stays used.
   */
  async #bringUpToDate(limiter: Bottleneck, settingsKey: string, settings: Settings): Promise<void> {
    const stored = await this.#redis.hmget(settingsKey, 'reservoirRefreshAmount', 'reservoir');
    const [amount = null, left = null] = stored.map((text) => (text ? Number(text) : null));
    const wanted = settings.reservoirRefreshAmount ?? null;
    const used = amount === null ? 0 : amount - (left ?? amount);
    const { reservoir: _whole, ...lasting } = settings;
    // The reservoir itself only where its size changes: else it would lose what was taken from it in between.
    const changes = amount === wanted ? lasting : { ...lasting, reservoir: wanted === null ? null : wanted - used };
    // Typed as if it were synchronous; it is a script on Redis.
    const updated: unknown = limiter.updateSettings(changes);
    await (updated as Promise<void>);
  }
}

/** Both limits in one round trip, while both have room. @returns null where one has not. */
async function takeAtOnce({ calls, tokens }: Lane, call: GateCall): Promise<Admission | null> {
  if (!calls?.isCalm || !tokens?.isCalm) return null;
  const asked = await Promise.allSettled([calls.tryTake({ ...call, weight: 1 }), tokens.tryTake(call)]);
  const [slot, budget] = asked.map((each) => (each.status === 'fulfilled' ? each.value : null));
  if (slot && budget) return permitFor(call, slot, budget);
  slot?.giveBack(1);
  budget?.giveBack(call.weight);
  const failed = asked.find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
  return null;
}

async function takeInTurn(lane: Lane, call: GateCall): Promise<Admission> {
  const slot = (await lane.calls?.take({ ...call, weight: 1 })) ?? null;
  if (slot && 'untilMs' in slot) return { kind: 'wait', untilMs: slot.untilMs };
  const budget =
    (await lane.tokens?.take(call).catch((error: unknown) => {
      slot?.giveBack(1);
      throw error;
    })) ?? null;
  if (!budget || !('untilMs' in budget)) return permitFor(call, slot, budget);
  // The call is not made, so it must not count against the requests either.
  slot?.giveBack(1);
  return { kind: 'wait', untilMs: budget.untilMs };
}

function permitFor({ weight }: GateCall, slot: HeldSlot | null, budget: HeldSlot | null): Admission {
  const release = (usedTokens: number | null, calls = 1) => {
    slot?.giveBack(usedTokens === null ? 1 : 1 - calls);
    budget?.giveBack(weight - (usedTokens ?? 0));
  };
  return { kind: 'permit', permit: { release } };
}

export const hasLimits = (limits: LaneLimits): boolean =>
  limits.rpmLimit !== null || limits.tpmLimit !== null || limits.maxConcurrency !== null;

const sameLimits = (a: LaneLimits, b: LaneLimits): boolean =>
  a.rpmLimit === b.rpmLimit && a.tpmLimit === b.tpmLimit && a.maxConcurrency === b.maxConcurrency;

const perMinute = (amount: number | null): Settings => ({
  reservoir: amount,
  reservoirRefreshAmount: amount,
  reservoirRefreshInterval: amount === null ? null : MINUTE_MS,
});
