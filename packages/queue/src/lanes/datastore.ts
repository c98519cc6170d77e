/**
 * One slot of a Bottleneck limiter, taken and freed by Bottleneck's own scripts without its queue in this process. `schedule()` asks Redis twice
 * for a slot, waits for two timers and keeps books of its own; that is worth it for a call that has to wait, and most do not.
 */
import type Bottleneck from 'bottleneck';

/** What Bottleneck 2.19.5 has behind each limiter, in Redis as in memory. */
interface Datastore {
  clientId: string;
  runScript(name: string, args: unknown[]): Promise<unknown>;
  __register__(index: string, weight: number, expirationMs: number): Promise<{ success: boolean }>;
  __free__(index: string, weight: number): Promise<unknown>;
  onMessage(channel: string, message: string): Promise<void>;
}

const datastoreOf = (limiter: Bottleneck): Datastore => (limiter as unknown as { _store: Datastore })._store;

export class DirectSlots {
  readonly #store: Datastore;

  /** @param limiter one on Redis. */
  constructor(limiter: Bottleneck) {
    // As a client of its own, in whose line nobody ever stands: to Bottleneck, who takes a slot leaves the line of its client, and slots that
    // are freed are offered to those who stand in one.
    const original = datastoreOf(limiter);
    const store = Object.create(original) as Datastore;
    store.clientId = `${original.clientId}-direct`;
    store.runScript = (name, args) => original.runScript.call(store, name, name === 'register_client' ? [0] : args);
    this.#store = store;
  }

  /** @param id the slot's, to free it by. @param longestMs until it counts as free again. @returns whether there was room. */
  async take(id: string, weight: number, longestMs: number): Promise<boolean> {
    return (await this.#store.__register__(id, weight, longestMs)).success;
  }

  async free(id: string): Promise<void> {
    await this.#store.__free__(id, 0);
  }
}

/** Every process hears of every slot that is freed. Where nobody waits in this one, that ends here. */
export function hearOnlyWhileWaiting(limiter: Bottleneck): void {
  const store = datastoreOf(limiter);
  const original = store.onMessage.bind(store);
  store.onMessage = async (channel, message) => {
    if (limiter.queued() > 0 || !message.startsWith('capacity:')) await original(channel, message);
  };
}
