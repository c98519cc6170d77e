/** The way into one Bottleneck limiter: first come, first served, and nobody waits here for the next minute. */
import type Bottleneck from 'bottleneck';
import type { Redis } from 'ioredis';

/** After so long without a slot, ask whether the minute's allowance is used up. */
const PATIENCE_MS = 50;
/** So many ask Bottleneck at a time. One that gives up cannot be withdrawn from it and passes its slot back later: keep them few. */
const ASKING = 4;
/** A call that is cancelled while it waits notices within this. */
const LONGEST_PATIENCE_MS = 500;
const GRANT_TRAVEL_MS = 25;
/** For so long, an empty reservoir is believed without asking again. */
const EMPTY_MEMORY_MS = 250;

export interface GateCall {
  /** What the call takes from the reservoir. */
  weight: number;
  /** Epoch ms. */
  deadline: number;
  /** After this a slot counts as free again, should our process die. */
  longestCallMs: number;
  /** Aborts when the call is no longer wanted. */
  signal?: AbortSignal;
}

export interface GateOptions {
  limiter: Bottleneck;
  redis: Redis;
  /** Where Bottleneck keeps this limiter's settings and reservoir. */
  settingsKey: string;
  /** Adding to a reservoir that is not there would create one, and so a limit. */
  hasReservoir: boolean;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #line: (() => void)[] = [];
  #asking = 0;
  #empty: { untilMs: number; believedUntil: number } | null = null;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** @returns a slot; or the time (epoch ms) before which there is none, which may be the call's deadline. */
  async take(call: GateCall): Promise<Slot | { untilMs: number }> {
    if (!(await this.#turn(call.deadline))) return { untilMs: call.deadline };
    try {
      return this.#known() ?? (await this.#ask(call));
    } finally {
      const next = this.#line.shift();
      if (next) next();
      else this.#asking--;
    }
  }

  /** A place among those who ask. @returns false when the deadline passes before one is free. */
  async #turn(deadline: number): Promise<boolean> {
    if (this.#asking < ASKING) {
      this.#asking++;
      return true;
    }
    return new Promise((resolve) => {
      const take = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(
        () => {
          this.#line.splice(this.#line.indexOf(take), 1);
          resolve(false);
        },
        Math.max(0, deadline - Date.now()),
      );
      this.#line.push(take);
    });
  }

  #known(): { untilMs: number } | null {
    return this.#empty && this.#empty.believedUntil > Date.now() ? { untilMs: this.#empty.untilMs } : null;
  }

  async #ask(call: GateCall): Promise<Slot | { untilMs: number }> {
    const slot = new Slot(this.#options.limiter, call, (unused, takenAt) => void this.#refund(unused, takenAt));
    for (
      let patience = PATIENCE_MS;
      !(await slot.granted(Math.min(patience, LONGEST_PATIENCE_MS, call.deadline - Date.now())));
      patience *= 2
    ) {
      // An empty reservoir is a wait of seconds: not here. A busy lane is a wait of one call: here.
      const refill = await this.#refillAt(call.weight);
      // What we see used up may be our own grant, taken in Redis a moment before it is told here.
      if (slot.held || (refill !== null && (await slot.granted(GRANT_TRAVEL_MS)))) return slot;
      if (refill !== null) this.#empty = { untilMs: refill, believedUntil: Math.min(refill, Date.now() + EMPTY_MEMORY_MS) };
      if (refill !== null || Date.now() >= call.deadline || call.signal?.aborted) {
        slot.abandon();
        return { untilMs: refill ?? call.deadline };
      }
    }
    return slot;
  }

  /** What was taken in an earlier minute is not given back to this one. */
  async #refund(unused: number, takenAt: number): Promise<void> {
    const { hasReservoir, redis, settingsKey, limiter } = this.#options;
    if (unused === 0 || !hasReservoir) return;
    try {
      const refilledAt = Number(await redis.hget(settingsKey, 'lastReservoirRefresh'));
      if (refilledAt > takenAt) return;
      this.#empty = null;
      await limiter.incrementReservoir(unused);
    } catch {
      // The books of the limiter are wrong until the next minute, by one call.
    }
  }

  /** @returns when the reservoir is refilled, or null while it is not what we wait for. */
  async #refillAt(weight: number): Promise<number | null> {
    const fields = ['reservoir', 'lastReservoirRefresh', 'reservoirRefreshInterval'] as const;
    const [reservoir, last, interval] = (await this.#options.redis.hmget(this.#options.settingsKey, ...fields)).map(Number);
    if (reservoir === undefined || last === undefined || !interval || reservoir >= weight) return null;
    const at = last + interval;
    return at <= Date.now() ? null : at;
  }
}

/** One place in a Bottleneck limiter, asked for at once and held until it is given back. */
export class Slot {
  readonly #weight: number;
  readonly #refund: (unused: number, takenAt: number) => void;
  #takenAt = 0;
  #free: (() => void) | null = null;
  #onGrant: (() => void) | null = null;
  #abandoned = false;

  constructor(limiter: Bottleneck, call: GateCall, refund: (unused: number, takenAt: number) => void) {
    this.#weight = call.weight;
    this.#refund = refund;
    // A rejection is Bottleneck giving up on the slot (expired, disconnected); the call itself has its own deadline.
    limiter.schedule({ weight: call.weight, expiration: call.longestCallMs }, () => this.#run()).catch(() => undefined);
  }

  get held(): boolean {
    return this.#free !== null;
  }

  async granted(withinMs: number): Promise<boolean> {
    if (this.held) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), Math.max(0, withinMs));
      this.#onGrant = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /** Ends the hold. @param unused weight that goes back into the reservoir; below 0 it takes more out. */
  giveBack(unused: number): void {
    this.#free?.();
    this.#refund(unused, this.#takenAt);
  }

  /** For a slot that was not granted: what it takes later goes back at once. */
  abandon(): void {
    if (this.held) this.giveBack(this.#weight);
    this.#abandoned = true;
  }

  async #run(): Promise<void> {
    this.#takenAt = Date.now();
    if (this.#abandoned) {
      this.#refund(this.#weight, this.#takenAt);
      return;
    }
    await new Promise<void>((resolve) => {
      this.#free = resolve;
      this.#onGrant?.();
    });
  }
}
