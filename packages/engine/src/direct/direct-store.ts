/** The state of one request that this process carries out itself: in memory, with its provider calls in the spool, or in Redis too where Redis is there. */
import type { Finish, OpenReply, Outcome, RequestHead, RequestStore, StoredRequest } from '@llm-gateway/queue';
import type { UsageAttempt } from '@llm-gateway/shared';
import type { EngineDeps } from '../deps.js';
import type { UsageSpool } from '../usage/spool/usage-spool.js';

/** Redis, where other replicas and later workers find the request. */
export type SharedStore = EngineDeps['store'] & Pick<RequestStore, 'outcomes'>;

export interface DirectStoreOptions {
  head: RequestHead;
  /** Aborts when the request is no longer wanted. */
  signal: AbortSignal;
  spool: Pick<UsageSpool, 'opened' | 'record'>;
  /** null: Redis is away, and nothing of the request is known outside of this process. */
  shared: SharedStore | null;
  logger: EngineDeps['logger'];
}

export class DirectStore {
  readonly #options: DirectStoreOptions;
  #attempts: UsageAttempt[] = [];
  #outcome: Outcome | null = null;

  constructor(options: DirectStoreOptions) {
    this.#options = options;
  }

  get outcome(): Outcome | null {
    return this.#outcome;
  }

  get attempts(): UsageAttempt[] {
    return [...this.#attempts];
  }

  /** Before the call is made it is written down where it outlives this process. @throws what Redis says; then no call was made. */
  async openAttempt(id: string, hop: number, attempt: UsageAttempt): Promise<OpenReply> {
    if (this.#outcome) return { kind: 'done' };
    if (attempt.number <= this.#attempts.length) return { kind: 'behind', attempts: this.attempts };
    const { shared, spool, head } = this.#options;
    if (shared) {
      const reply = await shared.openAttempt(id, hop, attempt);
      if (reply.kind === 'behind' || reply.kind === 'superseded') this.#attempts = [...reply.attempts];
      if (reply.kind !== 'opened') return reply;
    } else await spool.opened(head, [...this.#attempts, attempt]);
    this.#attempts.push(attempt);
    return { kind: 'opened' };
  }

  async withdrawAttempt(id: string, attempt: UsageAttempt): Promise<void> {
    this.#attempts = this.#attempts.filter((known) => known.id !== attempt.id);
    const { shared, spool, head } = this.#options;
    if (shared) await this.#orGoOn(shared.withdrawAttempt(id, attempt));
    else await spool.opened(head, this.attempts);
  }

  async closeAttempt(id: string, attempt: UsageAttempt, hop: number): Promise<void> {
    this.#attempts = this.#attempts.map((known) => (known.id === attempt.id ? attempt : known));
    const { shared, spool, head } = this.#options;
    if (shared) await this.#orGoOn(shared.closeAttempt(id, attempt, hop));
    else await spool.opened(head, this.attempts);
  }

  async moveTo(id: string, hop: number): Promise<void> {
    const { shared } = this.#options;
    if (shared) await this.#orGoOn(shared.moveTo(id, hop));
  }

  read(): Promise<StoredRequest> {
    return Promise.resolve({ head: this.#options.head, hop: 0, here: null, follows: null, attempts: this.attempts });
  }

  /** The answer is the caller's from here on: what cannot be written to Redis any more goes into the spool, and holds it up for a moment at most. */
  async finish(end: Finish): Promise<boolean> {
    if (this.#outcome) return false;
    this.#outcome = end.outcome;
    const { shared, spool, signal } = this.#options;
    const { event } = end;
    const gone: Finish['event'] = event.log && signal.aborted ? { ...event, log: { ...event.log, clientGone: true } } : event;
    if (shared) {
      try {
        return await shared.finish(end);
      } catch (error) {
        // It may be there nevertheless. Its rows have the same ids, and count once.
        this.#options.logger.debug(
          { err: error, requestId: end.id },
          'redis went away under a request, its rows go the other way',
        );
      }
    }
    await spool.record(gone);
    return true;
  }

  async #orGoOn(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'redis could not be told of a step of a request that is carried out here');
    }
  }
}
