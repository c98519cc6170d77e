/**
 * A client that gives a command up when Redis has been silent for `silenceMs`, and not when it is this process that stood still: ioredis'
 * own `commandTimeout` goes by the clock, so that a busy second of ours rejects commands whose replies lie in the socket, or which
 * have not even left.
 */
import { Redis, type RedisOptions } from 'ioredis';

const STEP_MS = 50;
/** A step that took longer counts as this much: the rest of it nobody could have listened. */
const MOST_OF_A_STEP_MS = 100;
const SILENCE = 'Command timed out';

export type PunctualOptions = RedisOptions & {
  replyMapping?: 'legacy';
  /** Milliseconds of silence, in the time that this process listened. Undefined: a command may take for ever. */
  silenceMs?: number;
};

/** @returns true where a command was given up because Redis was silent. */
export const isSilence = (error: unknown): boolean => error instanceof Error && error.message === SILENCE;

type SendArguments = Parameters<Redis['sendCommand']>;

export class PunctualRedis extends Redis {
  readonly #silenceMs: number | undefined;
  /** In the order in which they are answered. */
  readonly #asked: { command: SendArguments[0]; at: number }[] = [];
  /** Milliseconds that were listened so far. */
  #listened = 0;
  #lastStep = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ silenceMs, ...options }: PunctualOptions) {
    super(options);
    this.#silenceMs = silenceMs;
  }

  override sendCommand(...args: SendArguments): unknown {
    const sent = super.sendCommand(...args);
    if (this.#silenceMs !== undefined) this.#watch(args[0]);
    return sent;
  }

  #watch(command: SendArguments[0]): void {
    if (command.isSettled) return;
    // What is answered is let go at once: kept until the next step it would outlive a collection, with all that it brought.
    while (this.#asked[0]?.command.isSettled) this.#asked.shift();
    this.#asked.push({ command, at: this.#listened });
    if (this.#timer) return;
    this.#lastStep = performance.now();
    this.#timer = setInterval(() => this.#step(), STEP_MS).unref();
  }

  #step(): void {
    const now = performance.now();
    this.#listened += Math.min(now - this.#lastStep, MOST_OF_A_STEP_MS);
    this.#lastStep = now;
    // What has come in meanwhile is read before anything is called late.
    setImmediate(() => this.#giveUp());
  }

  #giveUp(): void {
    const latest = this.#listened - (this.#silenceMs ?? Number.POSITIVE_INFINITY);
    const next = this.#asked.findIndex(({ command, at }) => !command.isSettled && at > latest);
    const over = this.#asked.splice(0, next < 0 ? this.#asked.length : next);
    for (const { command } of over) if (!command.isSettled) command.reject(new Error(SILENCE));
    if (this.#asked.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
