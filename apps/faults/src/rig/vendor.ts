/** The stand-in vendors, and their own book: who called, about which request, and what they would bill. */
import { createHash } from 'node:crypto';
import {
  startUpstream,
  type Upstream,
  type UpstreamAnswer,
  type UpstreamCall,
  type UpstreamHandler,
} from '@llm-gateway/local-services';
import type { ProviderType } from '@llm-gateway/shared';

/** USD per million tokens; as nano-USD per token a thousand times as much. */
export const PRICES = { input_per_mtok: 3, output_per_mtok: 15 };

export interface VendorCall {
  /** The request's marker: the first word of its prompt. */
  marker: string;
  label: string;
  /** As in the header `x-request-id: standin-<number>` of the answer. */
  number: number;
  /** Of the caller's end of the connection. */
  port: number;
  startedAtMs: number;
  /** What the answer costs, in nano-USD; null for a call that is not answered with a success. */
  billNanoUsd: number | null;
  outcome: UpstreamCall['outcome'];
  endedAtMs: number | null;
}

export const markerOf = (prompt: string): string => prompt.split(' ', 1)[0] ?? '';

export class Vendor {
  readonly #calls: VendorCall[] = [];
  /** Calls that were open when last looked at: the upstream's own objects hold whole prompts, and are let go. */
  readonly #open = new Map<VendorCall, UpstreamCall>();
  readonly #scripts = new Map<string, UpstreamHandler>();
  readonly #upstream: Upstream;

  private constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  static async start(): Promise<Vendor> {
    const upstream = await startUpstream({ keepCalls: false });
    const vendor = new Vendor(upstream);
    upstream.respond((call) => vendor.#answer(call));
    return vendor;
  }

  baseUrl(type: ProviderType, label: string): string {
    return this.#upstream.baseUrlFor(type, label);
  }

  get port(): number {
    return this.#upstream.port;
  }

  /** Every call so far, in order of arrival. */
  get calls(): readonly VendorCall[] {
    for (const [entry, { outcome, endedAtMs }] of this.#open) {
      if (outcome === 'open') continue;
      Object.assign(entry, { outcome, endedAtMs });
      this.#open.delete(entry);
    }
    return this.#calls;
  }

  /** Calls that are open at this moment. */
  get open(): number {
    return this.#upstream.counts.open;
  }

  /** How a provider answers from now on. */
  script(label: string, how: UpstreamAnswer | UpstreamHandler): void {
    this.#scripts.set(label, typeof how === 'function' ? how : () => how);
  }

  /** Calls about requests whose markers begin so. */
  callsOf(prefix: string): VendorCall[] {
    return this.calls.filter((call) => call.marker.startsWith(prefix));
  }

  async received(prefix: string, count: number, withinMs = 30_000): Promise<void> {
    for (const end = Date.now() + withinMs; this.callsOf(prefix).length < count; await pause(5)) {
      if (Date.now() > end)
        throw new Error(`the provider got ${this.callsOf(prefix).length} of ${count} calls in ${withinMs} ms`);
    }
  }

  forget(): void {
    this.#calls.length = 0;
    this.#open.clear();
    this.#scripts.clear();
  }

  stop(): Promise<void> {
    return this.#upstream.stop();
  }

  async #answer(call: UpstreamCall): Promise<UpstreamAnswer> {
    const marker = markerOf(call.prompt);
    const { label, number, port = 0, startedAtMs } = call;
    const entry: VendorCall = { marker, label, number, port, startedAtMs, billNanoUsd: null, outcome: 'open', endedAtMs: null };
    this.#calls.push(entry);
    this.#open.set(entry, call);
    const answer = (await this.#scripts.get(call.label)?.(call)) ?? {};
    if (answer.body !== undefined || answer.endless || answer.hang || answer.cut || (answer.status ?? 200) >= 300) return answer;
    const usage = { ...tokensFor(marker), ...answer.usage };
    entry.billNanoUsd = usage.uncachedInput * PRICES.input_per_mtok * 1_000 + usage.output * PRICES.output_per_mtok * 1_000;
    return { content: `answer to ${marker}`, usage, ...answer };
  }
}

/** The same for the same request, and different from one to the next. */
function tokensFor(marker: string): { uncachedInput: number; output: number } {
  const hash = createHash('sha1').update(marker).digest();
  return { uncachedInput: 10 + (hash.readUInt16BE(0) % 5_000), output: 5 + (hash.readUInt16BE(2) % 1_000) };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
