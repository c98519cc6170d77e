import type { ChatMessage, FinishReason, ProviderType, ResponseFormat, TokenBuckets } from '@llm-gateway/shared';
import type { EgressRules } from './egress/rules.js';

/** One vendor in the gateway's words. It translates and classifies; it never retries, limits, caches, logs or reads env. */
export interface Provider {
  /** @param signal aborts the HTTP call, body included. @throws ProviderError only. */
  generate(call: ProviderCall, signal: AbortSignal): Promise<ProviderAnswer>;
}

export interface ProviderCall {
  model: string;
  system?: string;
  /** May include messages of the role system. */
  messages: ChatMessage[];
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  stop?: string[];
  seed?: number;
  responseFormat?: ResponseFormat;
  /** Hard bound on the whole call, headers and body. */
  timeoutMs: number;
}

export interface ProviderAnswer {
  content: string;
  finishReason: FinishReason;
  /** The model that the vendor says has answered: the one to price. */
  servedModel: string;
  vendorRequestId: string | null;
  tokens: TokenBuckets;
  /** What was asked for and not done as asked, one sentence each. */
  warnings: string[];
}

export interface ProviderConnection {
  type: ProviderType;
  /** null: the server wants no key. */
  apiKey: string | null;
  /** null: the vendor's own. */
  baseUrl: string | null;
  egressAllow: EgressRules;
}

/** Where a vendor file sends a call, with nothing left to default. */
export interface VendorTarget {
  type: ProviderType;
  apiKey: string | null;
  baseUrl: string;
}

/** An answer as a vendor file reads it: the id in the body stands in where no header carries one. */
export interface VendorAnswer extends Omit<ProviderAnswer, 'vendorRequestId'> {
  responseId: string | null;
}

/**
 * One call through a vendor's SDK. `fetch` is the call's own: it keeps the deadline, guards the egress and classifies
 * failures, so a vendor file only builds the request and reads the answer.
 */
export type VendorGenerate = (call: ProviderCall, target: VendorTarget, fetch: typeof globalThis.fetch) => Promise<VendorAnswer>;
