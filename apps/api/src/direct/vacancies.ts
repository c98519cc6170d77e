/** Requests of this replica that wait on their queues, for the case that the last worker of their lanes goes away meanwhile. */
export class Vacancies {
  readonly #waiting = new Map<string, () => Promise<void>>();
  #looking = false;

  /** @param takeOver carries the request out here, if that is the thing to do. @returns a function that ends the watch. */
  watch(requestId: string, takeOver: () => Promise<void>): () => void {
    this.#waiting.set(requestId, takeOver);
    return () => this.#waiting.delete(requestId);
  }

  /** Called while a lane has no workers. One after the other, because each takes one of the places that are left. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    // What fails now is looked at again in a second.
    for (const takeOver of [...this.#waiting.values()]) await takeOver().catch(() => undefined);
    this.#looking = false;
  }
}
