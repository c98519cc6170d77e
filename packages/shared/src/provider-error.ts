import { storable } from './wire-text.js';

/**
 * What can go wrong in one provider call, and what the owner of retries (the engine) does about it.
 * `retry`: the same provider may be asked again. `fallback`: the next candidate may be asked.
 * `circuit`: how the fault counts against the provider's health.
 */
export const PROVIDER_FAULTS = {
  rate_limited: { retry: true, fallback: true, circuit: 'none' },
  overloaded: { retry: true, fallback: true, circuit: 'count' },
  server_error: { retry: true, fallback: true, circuit: 'count' },
  network: { retry: true, fallback: true, circuit: 'count' },
  timeout: { retry: true, fallback: true, circuit: 'count' },
  bad_response: { retry: true, fallback: true, circuit: 'count' },
  conflict: { retry: true, fallback: true, circuit: 'none' },
  auth: { retry: false, fallback: true, circuit: 'open' },
  invalid_request: { retry: false, fallback: false, circuit: 'none' },
  not_found: { retry: false, fallback: false, circuit: 'none' },
  content_filter: { retry: false, fallback: false, circuit: 'none' },
  /** We ended the call ourselves, because nobody wants the answer any more. */
  aborted: { retry: false, fallback: false, circuit: 'none' },
} as const satisfies Record<string, { retry: boolean; fallback: boolean; circuit: 'none' | 'count' | 'open' }>;

export type ProviderFault = keyof typeof PROVIDER_FAULTS;

/** Faults of calls that reached the vendor, or may have. One that was refused with an error status is not billed. */
const MAYBE_BILLED: ReadonlySet<ProviderFault> = new Set(['timeout', 'aborted', 'bad_response']);

export interface ProviderErrorOptions extends ErrorOptions {
  httpStatus?: number;
  /** What the vendor asked us to wait, from a header or its body. */
  retryAfterMs?: number;
  vendorRequestId?: string;
  /** The vendor may have worked, and bill, although we saw no answer. Unless said otherwise it follows from fault and status. */
  maybeBilled?: boolean;
}

/** One failed provider call. Adapters throw nothing else; the message is redacted and at most 500 characters. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly httpStatus: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly vendorRequestId: string | undefined;
  readonly maybeBilled: boolean;

  constructor(
    readonly fault: ProviderFault,
    message: string,
    options: ProviderErrorOptions = {},
  ) {
    super(storable(message, 500), options);
    this.httpStatus = options.httpStatus;
    this.retryAfterMs = options.retryAfterMs;
    this.vendorRequestId = options.vendorRequestId;
    this.maybeBilled = options.maybeBilled ?? (MAYBE_BILLED.has(fault) && (options.httpStatus ?? 200) < 400);
  }
}
