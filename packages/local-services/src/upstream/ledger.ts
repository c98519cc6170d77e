import { performance } from 'node:perf_hooks';
import type { UpstreamCall, UpstreamHandler } from './upstream.js';

/** Which calls came in, and how the next is to be answered. */
export class Ledger {
  calls: UpstreamCall[] = [];
  total = 0;
  open = 0;
  peak = 0;
  handler: UpstreamHandler;
  private waiting: { total: number; resolve: () => void }[] = [];

  constructor(private readonly options: { handler?: UpstreamHandler; keepCalls?: boolean }) {
    this.handler = options.handler ?? (() => ({}));
  }

  begin(call: UpstreamCall): void {
    this.total++;
    this.peak = Math.max(this.peak, ++this.open);
    if (this.options.keepCalls ?? true) this.calls.push(call);
    for (const { total, resolve } of this.waiting) if (this.total >= total) resolve();
    this.waiting = this.waiting.filter(({ total }) => this.total < total);
  }

  end(call: UpstreamCall, outcome: 'answered' | 'hung_up'): void {
    this.open--;
    call.outcome = outcome;
    call.endedAtMs = performance.now();
  }

  received(total: number): Promise<void> {
    if (this.total >= total) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ total, resolve }));
  }

  reset(): void {
    this.calls = [];
    this.total = 0;
    this.peak = this.open;
    this.handler = this.options.handler ?? (() => ({}));
  }
}
