/** A code is public: add freely, never rename. Status and what a caller may do follow from it, nobody decides them twice. */
export const ERROR_CODES = {
  invalid_request: { status: 400 },
  unauthorized: { status: 401 },
  budget_exceeded: { status: 402 },
  forbidden: { status: 403 },
  not_found: { status: 404 },
  conflict: { status: 409 },
  precondition_failed: { status: 412 },
  payload_too_large: { status: 413 },
  idempotency_conflict: { status: 422 },
  rate_limited: { status: 429 },
  queue_full: { status: 429 },
  cancelled: { status: 499 },
  internal: { status: 500 },
  provider_error: { status: 502 },
  no_provider: { status: 503 },
  unavailable: { status: 503 },
  timeout: { status: 504 },
} as const satisfies Record<string, { status: number }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** What is away, or full, is looked for again within this: whoever was told 503 or 429 for it may come back then. */
export const RETRY_AFTER_MS = 1_000;

/** One problem of a refused request, or one failed attempt. */
export interface ErrorDetail {
  path: string;
  message: string;
}

export interface GatewayErrorOptions extends ErrorOptions {
  details?: ErrorDetail[];
  /** Sent as `Retry-After`, rounded up to seconds. */
  retryAfterMs?: number;
  /** The row as it stands, as callers read it: with it, who lost a race can look and try again. */
  current?: object;
}

/** The one error that crosses our borders. Its message is shown to callers: no secret, nothing of the inside. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly details: ErrorDetail[];
  readonly retryAfterMs: number | undefined;
  readonly current: object | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: GatewayErrorOptions = {},
  ) {
    super(message, options);
    this.details = options.details ?? [];
    this.retryAfterMs = options.retryAfterMs;
    this.current = options.current;
  }

  get status(): number {
    return ERROR_CODES[this.code].status;
  }
}
