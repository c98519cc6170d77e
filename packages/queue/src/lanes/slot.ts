/** One place in a Bottleneck limiter. */
import type Bottleneck from 'bottleneck';

/** A slot that is held. */
export interface HeldSlot {
  /** Ends the hold. @param unused weight that goes back into the reservoir; below 0 it takes more out. */
  giveBack(unused: number): void;
}

export interface SlotCall {
  /** What the call takes from the reservoir. */
  weight: number;
  /** After this a slot counts as free again, should our process die. */
  longestCallMs: number;
}

/** Asked for at once, in line with all who ask Bottleneck, and held until it is given back. */
export class Slot implements HeldSlot {
  readonly #weight: number;
  readonly #refund: (unused: number, takenAt: number) => void;
  #takenAt = 0;
  #free: (() => void) | null = null;
  #onGrant: (() => void) | null = null;
  #abandoned = false;
  #lost = false;

  constructor(limiter: Bottleneck, call: SlotCall, refund: (unused: number, takenAt: number) => void) {
    this.#weight = call.weight;
    this.#refund = refund;
    // A rejection is Bottleneck giving up on the slot (refused by Redis, expired, disconnected); the call itself has its own deadline.
    limiter.schedule({ weight: call.weight, expiration: call.longestCallMs }, () => this.#run()).catch(() => (this.#lost = true));
  }

  /** Given up by Bottleneck: who still wants it has to ask again. */
  get lost(): boolean {
    return this.#lost;
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
