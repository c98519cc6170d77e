/**
 * A careful caller behind a load balancer, and its book. Every request has an Idempotency-Key, so that it may be sent again: to
 * another replica when one is gone, and after a 503 as soon as that allows. Whatever else it is answered is final.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCode, GenerateInput, GenerateResult } from '@llm-gateway/shared';
import type { Rig } from '../rig/rig.js';
import { httpPost, type HttpAnswer } from './http-call.js';

/** A try that lasts this much longer than the request's own deadline counts as hanging. */
const HANG_MS = 1_000;
const AGAIN_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

export interface Ask {
  /** Names the request in all three books. */
  marker: string;
  provider?: string;
  timeoutMs?: number;
  /** More of the body. */
  more?: Partial<GenerateInput>;
  /** false: no Idempotency-Key, and so one try. */
  keyed?: boolean;
  /** false: a 503 is final too. */
  patient?: boolean;
  /** Which replica; by turns unless given. */
  api?: number;
  signal?: AbortSignal;
}

export interface Entry {
  marker: string;
  /** 0: never answered. */
  status: number;
  code: ErrorCode | null;
  message: string | null;
  result: GenerateResult | null;
  cache: string | undefined;
  mode: string | undefined;
  retryAfter: string | undefined;
  sentAt: number;
  endedAt: number;
  ms: number;
  /** Of the longest of its tries: one that waited in vain counts, whatever the next one got. */
  longestTryMs: number;
  tries: number;
  /** Tries that were answered 503. */
  unavailable: number;
  /** A try went on for longer than it may. */
  hung: boolean;
}

export class Client {
  readonly entries: Entry[] = [];
  #turn = 0;

  constructor(
    readonly rig: Rig,
    readonly service: string,
  ) {}

  async ask(ask: Ask): Promise<Entry> {
    const { marker, timeoutMs = 60_000, keyed = true, patient = true } = ask;
    const sentAt = Date.now();
    const giveUpAt = sentAt + timeoutMs + 15_000;
    const entry: Entry = { ...UNANSWERED, marker, sentAt };
    for (;;) {
      const triedAt = performance.now();
      const answer = await this.#try(ask, timeoutMs);
      entry.tries++;
      const tookMs = performance.now() - triedAt;
      entry.longestTryMs = Math.max(entry.longestTryMs, tookMs);
      entry.hung ||= tookMs > timeoutMs + HANG_MS;
      note(entry, answer);
      if (ask.signal?.aborted || !keyed || Date.now() > giveUpAt) break;
      if (answer.kind === 'answered' && !(answer.status === 503 && patient)) break;
      const wishMs = answer.kind === 'answered' ? Number(answer.headers['retry-after'] ?? 0) * 1_000 : AGAIN_MS;
      await sleep(Math.min(Math.max(wishMs, AGAIN_MS), LONGEST_PAUSE_MS));
    }
    entry.endedAt = Date.now();
    entry.ms = entry.endedAt - sentAt;
    this.entries.push(entry);
    return entry;
  }

  async #try({ marker, provider, more, keyed = true, api, signal }: Ask, timeoutMs: number): Promise<HttpAnswer> {
    const { apis } = this.rig.fleet;
    const replica = apis[(api ?? this.#turn++) % Math.max(1, apis.length)];
    if (!replica?.port) return { kind: 'refused' };
    const body: GenerateInput = {
      service: this.service,
      prompt: `${marker} is the request's marker`,
      timeout_ms: timeoutMs,
      cache: { mode: 'off' },
      metadata: { marker },
      ...(provider === undefined ? {} : { provider }),
      ...more,
    };
    return httpPost({
      port: replica.port,
      path: '/api/v1/generate',
      headers: {
        'content-type': 'application/json',
        'x-service-key': this.rig.serviceKey,
        ...(keyed ? { 'idempotency-key': marker } : {}),
      },
      body: JSON.stringify(body),
      withinMs: timeoutMs + 10_000,
      signal,
    });
  }
}

const UNANSWERED: Omit<Entry, 'marker' | 'sentAt'> = {
  status: 0,
  code: null,
  message: null,
  result: null,
  cache: undefined,
  mode: undefined,
  retryAfter: undefined,
  endedAt: 0,
  ms: 0,
  longestTryMs: 0,
  tries: 0,
  unavailable: 0,
  hung: false,
};

function note(entry: Entry, answer: HttpAnswer): void {
  if (answer.kind !== 'answered') {
    entry.status = 0;
    entry.message = answer.kind;
    return;
  }
  const { status, headers, text } = answer;
  if (status === 503) entry.unavailable++;
  const body = parse(text);
  Object.assign(entry, {
    status,
    code: body?.error?.code ?? null,
    message: body?.error?.message ?? null,
    result: status === 200 ? body : null,
    cache: headers['x-cache'],
    mode: headers['x-gateway-mode'],
    retryAfter: headers['retry-after'],
  });
}

type Body = GenerateResult & { error?: { code: ErrorCode; message: string } };

function parse(text: string): Body | null {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return null;
  }
}
