import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface PassageFaults {
  /** Before each piece. */
  latencyMs?: number;
  /** Passes on `bytes` at a time, and waits in between. */
  drip?: { bytes: number; everyMs: number };
  /** Passes nothing on, and keeps it: a black hole that can be filled in again. */
  hold?: boolean;
  /** Resets the connection once so many bytes more have passed. */
  cutAfterBytes?: number;
}

/** One direction of a connection. */
export class Passage {
  #faults: PassageFaults;
  #left: number;
  readonly #waiting: Buffer[] = [];
  #pumping = false;
  readonly #to: Socket;

  constructor(from: Socket, to: Socket, faults: PassageFaults = {}) {
    this.#to = to;
    this.#faults = faults;
    this.#left = faults.cutAfterBytes ?? Infinity;
    from.on('data', (piece) => {
      this.#waiting.push(piece);
      void this.#pump();
    });
  }

  obey(faults: PassageFaults = {}): void {
    this.#faults = faults;
    this.#left = faults.cutAfterBytes ?? Infinity;
    void this.#pump();
  }

  held(): string {
    return Buffer.concat(this.#waiting).toString('latin1');
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#waiting.length > 0 && !this.#faults.hold && !this.#to.destroyed) await this.#passOne();
    this.#pumping = false;
  }

  async #passOne(): Promise<void> {
    const { latencyMs, drip } = this.#faults;
    if (latencyMs) await sleep(latencyMs);
    const [piece = Buffer.alloc(0)] = this.#waiting;
    const size = Math.min(drip?.bytes ?? piece.length, this.#left);
    if (size < piece.length) this.#waiting[0] = piece.subarray(size);
    else this.#waiting.shift();
    this.#to.write(piece.subarray(0, size));
    this.#left -= size;
    if (this.#left <= 0) this.#to.resetAndDestroy();
    else if (drip) await sleep(drip.everyMs);
  }
}
