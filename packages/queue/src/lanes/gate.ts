/**
 * The way into one Bottleneck limiter: first come, first served, and nobody waits here for the next minute. Who comes while nobody waits asks
 * for a slot directly; only who finds none joins Bottleneck's line, in which all processes get their turn.
 */
import { randomUUID } from 'node:crypto';
import type Bottleneck from 'bottleneck';
import type { Redis } from 'ioredis';
import { isRedisRefusal } from '../redis/refusals.js';
import { DirectSlots } from './datastore.js';
import { Refunds } from './refunds.js';
import { Slot, type HeldSlot, type SlotCall } from './slot.js';

/** After so long without a slot, ask whether the minute's allowance is used up. */
const PATIENCE_MS = 50;
/** So many ask Bottleneck at a time. One that gives up cannot be withdrawn from it and passes its slot back later: keep them few. */
const ASKING = 4;
/** A call that is cancelled while it waits notices within this. */
const LONGEST_PATIENCE_MS = 500;
const GRANT_TRAVEL_MS = 25;
/** For so long, an empty reservoir is believed without asking again. */
const EMPTY_MEMORY_MS = 250;
/** A limit that has turned nobody away for so long will hardly turn the next one away. */
const CALM_MS = 1_000;

export interface GateCall extends SlotCall {
  /** Epoch ms. */
  deadline: number;
  /** Aborts when the call is no longer wanted. */
  signal?: AbortSignal;
  /** Asked before a wait for a slot: true where it would be for nothing. */
  pointless?: () => Promise<boolean>;
}

export interface GateOptions {
  limiter: Bottleneck;
  redis: Redis;
  /** Where Bottleneck keeps this limiter's settings and reservoir. */
  settingsKey: string;
  /** Adding to a reservoir that is not there would create one, and so a limit. */
  hasReservoir: boolean;
  /** Do calls count for as long as they take? Else they count when they begin, and no more. */
  holds: boolean;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #slots: DirectSlots;
  readonly #refunds: Refunds;
  readonly #line: (() => void)[] = [];
  #asking = 0;
  /** What was asked for in vain, and until when nobody asks for as much again. */
  #empty: { weight: number; untilMs: number; believedUntil: number } | null = null;
  #refusedAt = 0;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#slots = new DirectSlots(options.limiter);
    this.#refunds = new Refunds({ ...options, onRefunded: () => (this.#empty = null) });
  }

  /** @returns a slot; or the time (epoch ms) before which there is none, which may be the call's deadline. */
  async take(call: GateCall): Promise<HeldSlot | { untilMs: number }> {
    if (this.#asking === 0) {
      const now = this.#known(call.weight) ?? (await this.#takeNow(call));
      if (now) return now;
    }
    if ((await call.pointless?.()) || !(await this.#turn(call.deadline))) return { untilMs: call.deadline };
    try {
      return this.#known(call.weight) ?? (await this.#ask(call));
    } finally {
      const next = this.#line.shift();
      if (next) next();
      else this.#asking--;
    }
  }

  /** Is a slot to be had in all likelihood? Then other limits of the call can be asked at the same time. */
  get isCalm(): boolean {
    return this.#asking === 0 && Date.now() - this.#refusedAt > CALM_MS;
  }

  /** @returns a slot if there is one this moment. */
  async tryTake({ weight, longestCallMs }: SlotCall): Promise<HeldSlot | null> {
    const { holds } = this.#options;
    const id = randomUUID();
    const takenAt = Date.now();
    if (!(await this.#slots.take(id, weight, holds ? longestCallMs : 0).catch(falseIfRefused))) {
      this.#refusedAt = Date.now();
      return null;
    }
    const giveBack = (unused: number) => {
      // Where Redis cannot be told, the slot is free again after the longest call.
      if (holds) this.#slots.free(id).catch(() => undefined);
      this.#refund(unused, takenAt);
      // Of a call that was not made: somebody else may need it now.
      if (unused === weight) void this.#refunds.flush();
    };
    return { giveBack };
  }

  /** Gives back what is to be given back, before the limiter is let go of. */
  async close(): Promise<void> {
    await this.#refunds.flush();
  }

  /** @returns null where one has to wait for a slot. */
  async #takeNow(call: GateCall): Promise<HeldSlot | { untilMs: number } | null> {
    const slot = await this.tryTake(call);
    if (slot) return slot;
    const refill = await this.#refillAt(call.weight);
    return refill === null ? null : this.#noteEmpty(call.weight, refill);
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

  #known(weight: number): { untilMs: number } | null {
    const empty = this.#empty;
    return empty && empty.believedUntil > Date.now() && weight >= empty.weight ? { untilMs: empty.untilMs } : null;
  }

  #noteEmpty(weight: number, refill: number): { untilMs: number } {
    this.#empty = { weight, untilMs: refill, believedUntil: Math.min(refill, Date.now() + EMPTY_MEMORY_MS) };
    return { untilMs: refill };
  }

  async #ask(call: GateCall): Promise<HeldSlot | { untilMs: number }> {
    const slot = new Slot(this.#options.limiter, call, (unused, takenAt) => this.#refund(unused, takenAt));
    for (
      let patience = PATIENCE_MS;
      !(await slot.granted(Math.min(patience, LONGEST_PATIENCE_MS, call.deadline - Date.now())));
      patience *= 2
    ) {
      // An empty reservoir is a wait of seconds: not here. A busy lane is a wait of one call: here.
      const refill = await this.#refillAt(call.weight);
      // What we see used up may be our own grant, taken in Redis a moment before it is told here.
      if (slot.held || (refill !== null && (await slot.granted(GRANT_TRAVEL_MS)))) return slot;
      if (refill !== null || Date.now() >= call.deadline || call.signal?.aborted) {
        slot.abandon();
        return refill === null ? { untilMs: call.deadline } : this.#noteEmpty(call.weight, refill);
      }
      if (slot.lost) return this.#ask(call);
    }
    return slot;
  }

  #refund(unused: number, takenAt: number): void {
    if (this.#options.hasReservoir) this.#refunds.add(unused, takenAt);
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

/** Redis that may not write just now, because its memory is full or it is a replica, has no slot just now. */
function falseIfRefused(error: unknown): false {
  if (isRedisRefusal(error)) return false;
  throw error;
}
