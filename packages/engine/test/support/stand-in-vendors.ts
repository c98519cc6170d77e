/** Vendors that answer requests and keep their own books, beside the gateway's own way from a call to its usage event. */
import type { RequestHead } from '@llm-gateway/queue';
import {
  newAttemptId,
  newRequestId,
  NO_TOKENS,
  ProviderError,
  windowAt,
  type Budget,
  type ProviderConfig,
  type TokenBuckets,
  type UsageAttempt,
  type UsageEvent,
} from '@llm-gateway/shared';
import { closeFailed, closeOk, openAttempt } from '../../src/attempt/attempt-row.js';
import { errorOutcome, okOutcome } from '../../src/finish/outcome-of.js';
import { jobEvent } from '../../src/finish/usage-log.js';
import { sharedAnswerEvent, type RequestCost } from '../../src/index.js';
import { providerConfig, request } from '../samples.js';

/** Nano-dollars a token, by hand: USD per million tokens times 1,000. */
const NANO = {
  alpha: { input: 150, cached: 75, output: 600 },
  beta: { input: 3_001, cached: 299, output: 15_003 },
} as const;
type Vendor = keyof typeof NANO;

const config = (name: Vendor): ProviderConfig =>
  providerConfig({
    name,
    pricing: {
      input_per_mtok: NANO[name].input / 1_000,
      cached_input_per_mtok: NANO[name].cached / 1_000,
      output_per_mtok: NANO[name].output / 1_000,
    },
  });
const CONFIGS = { alpha: config('alpha'), beta: config('beta') };

/** What became of one request: its events in the order in which they are sent, and its cost as its worker reckons it. */
export interface Story {
  events: UsageEvent[];
  reckoned: RequestCost;
}

export class StandInVendors {
  readonly billed = {
    total: 0,
    byProvider: { alpha: 0, beta: 0 } as Record<string, number>,
    wasteByProvider: { alpha: 0, beta: 0 } as Record<string, number>,
  };
  calls = 0;
  readonly to: number;
  readonly #byRequest: { head: RequestHead; nano: number }[] = [];
  #served = 0;

  /** @param from when the first request arrives, epoch ms. */
  constructor(
    readonly from: number,
    readonly lastingMs: number,
  ) {
    this.to = from + lastingMs;
  }

  /** One more request: answered from the cache, at once, after a refusal or a timeout, not at all, or by a call that was thought dead. */
  serve(): Story {
    const number = this.#served++;
    const head = this.#head(number);
    const kind = number % 10;
    if (kind < 3) return this.#story(head, [sharedAnswerEvent(head, okOf(head, []), 'HIT')], []);
    const attempts: UsageAttempt[] = [];
    if (kind === 4) attempts.push(this.#refused(head, 'alpha', attempts.length + 1));
    if (kind === 5 || kind === 6) attempts.push(this.#timedOut(head, 'alpha', attempts.length + 1));
    if (kind === 6) return this.#story(head, [jobEvent(head, errorOutcome(head, attempts, TIMEOUT), attempts, 'MISS')], attempts);
    // Rare as it is in life: writers take turns for such a batch.
    const late = number % 50 === 7 ? this.#open(head, 'alpha', 1) : null;
    if (late) attempts.push(late);
    attempts.push(this.#answered(this.#open(head, 'beta', attempts.length + 1), 'beta', number));
    const event = jobEvent(head, okOf(head, attempts).outcome, attempts, 'MISS');
    if (!late) return this.#story(head, [event], attempts);
    // The first worker was only slow: its call comes to its end after another has ended the request.
    const closed = this.#answered(late, 'alpha', number + 1);
    return this.#story(head, [event, { v: 1, log: null, attempts: [closed] }], attempts);
  }

  /** What the vendors have billed for the requests that count in a budget's window. */
  spentIn({ scope, customerId, service, window }: Omit<Budget, 'id'>, windowName: string): number {
    return this.#byRequest
      .filter(({ head }) => windowAt(window, head.createdAt).name === windowName)
      .filter(({ head }) => scope === 'all' || (scope === 'service' ? head.service === service : head.customerId === customerId))
      .reduce((sum, { nano }) => sum + nano, 0);
  }

  #bill(requestId: string, vendor: Vendor, tokens: TokenBuckets, answered: boolean): void {
    const price = NANO[vendor];
    const nano = tokens.uncachedInput * price.input + tokens.cacheRead * price.cached + tokens.output * price.output;
    this.billed.total += nano;
    this.billed.byProvider[vendor] = (this.billed.byProvider[vendor] ?? 0) + nano;
    if (!answered) this.billed.wasteByProvider[vendor] = (this.billed.wasteByProvider[vendor] ?? 0) + nano;
    const asked = this.#byRequest.at(-1);
    if (asked?.head.id === requestId) asked.nano += nano;
  }

  #open(head: RequestHead, vendor: Vendor, number: number): UsageAttempt {
    const call = { requestId: head.id, number, provider: CONFIGS[vendor], model: 'm', limiterMs: 0, worker: 'w' };
    this.calls++;
    const createdAt = head.createdAt + number;
    const open = openAttempt({ ...call, request: request({ prompt: 'four'.repeat(50) }) });
    return { ...open, id: newAttemptId(createdAt), createdAt };
  }

  #answered(open: UsageAttempt, vendor: Vendor, seed: number): UsageAttempt {
    const tokens = { ...NO_TOKENS, uncachedInput: 1 + (seed % 997), cacheRead: (seed * 7) % 501, output: (seed * 13) % 211 };
    this.#bill(open.requestId, vendor, tokens, true);
    const answer = {
      content: 'x',
      finishReason: 'stop' as const,
      tokens,
      servedModel: 'm-2026',
      vendorRequestId: null,
      warnings: [],
    };
    return closeOk(open, CONFIGS[vendor], answer);
  }

  /** An error status: nothing is billed. */
  #refused(head: RequestHead, vendor: Vendor, number: number): UsageAttempt {
    return closeFailed(this.#open(head, vendor, number), new ProviderError('server_error', 'refused', { httpStatus: 500 }));
  }

  /** The vendor has read the prompt, and bills that. */
  #timedOut(head: RequestHead, vendor: Vendor, number: number): UsageAttempt {
    const open = this.#open(head, vendor, number);
    this.#bill(head.id, vendor, { ...NO_TOKENS, uncachedInput: 50 }, false);
    return closeFailed(open, new ProviderError('timeout', 'no answer in time'));
  }

  #story({ id: requestId, createdAt, service, customerId }: RequestHead, events: UsageEvent[], attempts: UsageAttempt[]): Story {
    const costNanoUsd = attempts.reduce((sum, attempt) => sum + (attempt.costNanoUsd ?? 0), 0);
    return { events, reckoned: { requestId, createdAt, service, customerId, costNanoUsd } };
  }

  #head(number: number): RequestHead {
    // Not in order: events of one moment come from many processes.
    const createdAt = this.from + Math.floor(((number * 7_919) % 20_000) * (this.lastingMs / 20_000));
    const head: RequestHead = {
      id: newRequestId(createdAt),
      createdAt,
      deadline: createdAt + 60_000,
      service: ['seo', 'billing', 'chat'][number % 3] ?? '',
      customerId: number % 11 === 0 ? null : `customer-${number % 17}`,
      keyId: null,
      metadata: {},
      replyTo: null,
      flight: null,
      cacheStatus: 'MISS',
      cache: null,
      resultTtlSeconds: 60,
      priority: 5,
      cancellable: true,
      lanes: ['alpha', 'beta'],
      relatedTo: null,
    };
    this.#byRequest.push({ head, nano: 0 });
    return head;
  }
}

const TIMEOUT = { code: 'timeout', message: 'no provider answered in time' } as const;

function okOf(head: RequestHead, attempts: UsageAttempt[]) {
  const open = { requestId: head.id, number: 1, provider: CONFIGS.alpha, model: 'm', limiterMs: 0, worker: 'w' };
  const all = attempts.length > 0 ? attempts : [openAttempt({ ...open, request: request() })];
  const outcome = okOutcome(head, all, { content: 'x', finishReason: 'stop', warnings: [] });
  return { outcome, result: outcome.result, costNanoUsd: outcome.costNanoUsd };
}
