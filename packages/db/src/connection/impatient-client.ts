import pg from 'pg';

/**
 * A connection that ends itself when a query's `query_timeout` passes. node-postgres only stops waiting: the silent connection would go back
 * into the pool, and whoever takes it next waits behind the lost query. That happens when a host dies without closing its connections.
 */
export class ImpatientClient extends pg.Client {
  override query: pg.Client['query'] = (...given: unknown[]) => {
    const running = (super.query as (...all: unknown[]) => unknown).apply(this, given);
    if (running instanceof Promise) running.catch((error: unknown) => this.#leaveWhenSilent(error));
    return running as never;
  };

  #leaveWhenSilent(error: unknown): void {
    if (error instanceof Error && error.message === 'Query read timeout') this.#stream()?.destroy();
  }

  #stream(): { destroy(): void } | undefined {
    return (this as unknown as { connection?: { stream?: { destroy(): void } } }).connection?.stream;
  }
}
