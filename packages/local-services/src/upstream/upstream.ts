/** What a stand-in vendor is asked and told, in the gateway's words; `vendor-wire.ts` speaks the vendors'. */
import type { FinishReason, ProviderType, TokenBuckets } from '@llm-gateway/shared';

/** One HTTP call that reached the stand-in. */
export interface UpstreamCall {
  /** 1 for the first. */
  readonly number: number;
  readonly type: ProviderType;
  /** Which of several providers of a type, as given to `baseUrlFor`; empty for the plain address. */
  readonly label: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As the vendor would read it from its own header; null without one. */
  readonly apiKey: string | null;
  readonly body: Readonly<Record<string, unknown>>;
  readonly model: string;
  /** The text of the last message. */
  readonly prompt: string;
  /** The caller's own port: which process it is. */
  readonly port: number | undefined;
  /** `performance.now()` when the call was in; and when it was over. */
  readonly startedAtMs: number;
  endedAtMs: number | null;
  /** What became of it: still open, answered in full, or given up by the caller. */
  outcome: 'open' | 'answered' | 'hung_up';
}

/** How to answer. All optional: an empty answer is a friendly success. */
export interface UpstreamAnswer {
  /** Default: says the prompt back. */
  content?: string;
  /** In disjoint buckets, as everywhere; written in the vendor's own way. Default: estimated from the texts. */
  usage?: Partial<TokenBuckets>;
  finishReason?: FinishReason;
  /** The model that claims to have answered. Default: the one asked for. */
  servedModel?: string;
  /** 400 and above: an error in the vendor's shape, with `message`. Default 200. */
  status?: number;
  message?: string;
  headers?: Record<string, string>;
  /** Exactly this body; an object is sent as JSON. Beats all that shapes a body. */
  body?: string | object;
  /** Before the headers. */
  delayMs?: number;
  /** Never answers: no headers at all, or headers and half a body. */
  hang?: 'headers' | 'body';
  /** Cuts the connection: before the headers, or in the middle of the body. */
  cut?: 'headers' | 'body';
  /** Sends a body without an end, as fast as it is taken. */
  endless?: boolean;
  /** Sends the body in pieces of `bytes` (default 1) every `everyMs`. */
  drip?: { everyMs: number; bytes?: number };
}

export type UpstreamHandler = (call: UpstreamCall) => UpstreamAnswer | Promise<UpstreamAnswer>;
