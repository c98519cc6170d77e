import { setTimeout as pause } from 'node:timers/promises';

/** However many ask, no more often than this: unknown keys must not be a way to keep the database busy. */
const APART_MS = 250;

/** A look at something that is worth a query, shared by all who want one at the same time. */
export class SharedLook {
  #next: Promise<boolean> | null = null;
  #lastAt = 0;
  readonly #look: () => Promise<boolean>;
  readonly #timeoutMs: number;

  /** @param timeoutMs a look that takes longer has failed. */
  constructor(look: () => Promise<boolean>, timeoutMs: number) {
    this.#look = look;
    this.#timeoutMs = timeoutMs;
  }

  /** @returns what a look says that begins no earlier than this call; false when it fails. */
  now(): Promise<boolean> {
    return (this.#next ??= this.#whenDue());
  }

  async #whenDue(): Promise<boolean> {
    await pause(Math.max(0, this.#lastAt + APART_MS - Date.now()));
    // Who comes from now on has missed it.
    this.#next = null;
    this.#lastAt = Date.now();
    const timeout = new AbortController();
    try {
      const late = pause(this.#timeoutMs, false, { signal: timeout.signal, ref: false });
      return await Promise.race([this.#look(), late]);
    } catch {
      return false;
    } finally {
      timeout.abort();
    }
  }
}
