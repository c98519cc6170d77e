/**
 * The limits of each provider in this process alone, for the time in which the replicas cannot agree on them over Redis. Each takes
 * its share: the limit divided by the replicas last seen, and never less than one call.
 */
import Bottleneck from 'bottleneck';
import type { GateCall } from './gate.js';
import { hasLimits, type Admission, type LaneLimits } from './limiter.js';
import { Slot, type HeldSlot } from './slot.js';

const MINUTE_MS = 60_000;
const PATIENCE_MS = 100;
const UNLIMITED = { giveBack: () => undefined };

export class LocalLimiter {
  readonly #lanes = new Map<string, { share: LaneLimits; calls: LocalGate; tokens: LocalGate }>();
  readonly #replicas: () => number;

  /** @param replicas how many share a limit just now. */
  constructor(replicas: () => number) {
    this.#replicas = replicas;
  }

  /** As {@link Limiter.admit}. */
  async admit(provider: string, limits: LaneLimits, call: GateCall): Promise<Admission> {
    if (!hasLimits(limits)) return { kind: 'permit', permit: { release: () => undefined } };
    if (limits.tpmLimit !== null && call.weight > limits.tpmLimit) return { kind: 'never' };
    if (await call.pointless?.()) return { kind: 'wait', untilMs: call.deadline };
    const { calls, tokens, share } = this.#lane(provider, limits);
    const slot = await calls.take({ ...call, weight: 1 });
    if ('untilMs' in slot) return { kind: 'wait', untilMs: slot.untilMs };
    // Larger than the share, though not than the limit: it takes the whole minute.
    const weight = Math.min(call.weight, share.tpmLimit ?? call.weight);
    const budget = await tokens.take({ ...call, weight });
    if ('untilMs' in budget) {
      slot.giveBack(1);
      return { kind: 'wait', untilMs: budget.untilMs };
    }
    const release = (usedTokens: number | null, calls = 1) => {
      slot.giveBack(usedTokens === null ? 1 : 1 - calls);
      budget.giveBack(weight - (usedTokens ?? 0));
    };
    return { kind: 'permit', permit: { release } };
  }

  close(): void {
    for (const { calls, tokens } of this.#lanes.values()) for (const gate of [calls, tokens]) gate.close();
    this.#lanes.clear();
  }

  /** Kept from one outage to the next, with what its minute has used. */
  #lane(provider: string, limits: LaneLimits) {
    const share = shareOf(limits, this.#replicas());
    const known = this.#lanes.get(provider);
    if (known) {
      known.share = share;
      known.calls.change(share.rpmLimit, share.maxConcurrency);
      known.tokens.change(share.tpmLimit, null);
      return known;
    }
    const lane = {
      share,
      calls: new LocalGate(share.rpmLimit, share.maxConcurrency),
      tokens: new LocalGate(share.tpmLimit, null),
    };
    this.#lanes.set(provider, lane);
    return lane;
  }
}

/** One Bottleneck limiter in memory, refilled by the minute. */
class LocalGate {
  readonly #limiter: Bottleneck;
  readonly #timer: NodeJS.Timeout;
  #amount: number | null;
  #maxConcurrent: number | null;
  #filledAt = Date.now();

  constructor(amount: number | null, maxConcurrent: number | null) {
    this.#amount = amount;
    this.#maxConcurrent = maxConcurrent;
    this.#limiter = new Bottleneck({ reservoir: amount, maxConcurrent });
    // Bottleneck's own refill comes up to five seconds late.
    this.#timer = setInterval(() => this.#refill(), MINUTE_MS);
    this.#timer.unref();
  }

  /** @returns a slot; or the time (epoch ms) before which there is none. */
  async take(call: GateCall): Promise<HeldSlot | { untilMs: number }> {
    if (this.#amount === null && this.#maxConcurrent === null) return UNLIMITED;
    const slot = new Slot(this.#limiter, call, (unused, takenAt) => void this.#refund(unused, takenAt));
    while (!(await slot.granted(Math.min(PATIENCE_MS, call.deadline - Date.now())))) {
      const empty = this.#amount !== null && ((await this.#limiter.currentReservoir()) ?? 0) < call.weight;
      // A yes in the same turn is not told twice.
      if (slot.held) break;
      if (!empty && Date.now() < call.deadline && !call.signal?.aborted) continue;
      slot.abandon();
      return { untilMs: empty ? this.#filledAt + MINUTE_MS : call.deadline };
    }
    return slot;
  }

  change(amount: number | null, maxConcurrent: number | null): void {
    if (amount === this.#amount && maxConcurrent === this.#maxConcurrent) return;
    this.#limiter.updateSettings({ maxConcurrent });
    // What the minute has used stays used; it may be more than the new amount.
    if (amount === null || this.#amount === null) this.#limiter.updateSettings({ reservoir: amount });
    else void this.#limiter.incrementReservoir(amount - this.#amount);
    this.#amount = amount;
    this.#maxConcurrent = maxConcurrent;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #refill(): void {
    this.#filledAt = Date.now();
    if (this.#amount !== null) this.#limiter.updateSettings({ reservoir: this.#amount });
  }

  async #refund(unused: number, takenAt: number): Promise<void> {
    if (unused === 0 || this.#amount === null || takenAt < this.#filledAt) return;
    await this.#limiter.incrementReservoir(unused);
  }
}

function shareOf({ rpmLimit, tpmLimit, maxConcurrency }: LaneLimits, replicas: number): LaneLimits {
  const share = (limit: number | null) => (limit === null ? null : Math.max(1, Math.floor(limit / replicas)));
  return { rpmLimit: share(rpmLimit), tpmLimit: share(tpmLimit), maxConcurrency: share(maxConcurrency) };
}
