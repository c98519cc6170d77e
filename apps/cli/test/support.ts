import { afterAll, beforeAll, jest } from '@jest/globals';
import {
  actingAsSystem,
  closeDatabase,
  createProvider,
  migrate,
  openDatabase,
  parseEncryptionKeys,
  type Db,
  type EncryptionKeys,
  type ProviderInput,
} from '@llm-gateway/db';
import { createTestDatabase } from '@llm-gateway/local-services';
import { newAttemptId, newRequestId, NO_TOKENS, type UsageAttempt, type UsageEvent, type UsageLog } from '@llm-gateway/shared';
import pg from 'pg';
import type { Command, ExitCode } from '../src/command.js';

jest.setTimeout(60_000);

const KEYS = parseEncryptionKeys(`k1:${Buffer.alloc(32, 1).toString('base64')}`);

export interface Outcome {
  code: ExitCode;
  out: string;
  notes: string;
}

/** A migrated database of the test file's own, looked at from outside by `sql`, and commands that run on it. */
export function useDatabase() {
  let open: { db: Db; url: string; client: pg.Client; drop: () => Promise<void> } | undefined;
  const fixture = () => {
    if (!open) throw new Error('the database is there from beforeAll on');
    return open;
  };
  beforeAll(async () => {
    const { url, drop } = await createTestDatabase();
    await migrate(url);
    const client = new pg.Client({ connectionString: url, options: '-c search_path=llm_gateway_test' });
    await client.connect();
    open = { db: openDatabase(url), url, client, drop };
  });
  afterAll(async () => {
    if (!open) return;
    await closeDatabase(open.db);
    await open.client.end();
    await open.drop();
  });
  return {
    get db() {
      return fixture().db;
    },
    get url() {
      return fixture().url;
    },
    sql: async <Row extends object>(text: string, values?: unknown[]) => (await fixture().client.query<Row>(text, values)).rows,
    addProvider: (input: Partial<ProviderInput>) => createProvider(actingAsSystem(fixture().db), KEYS, { ...PROVIDER, ...input }),
    run: (command: Command, args: string[], signal?: AbortSignal) => runCommand(command, args, () => fixture().url, { signal }),
  };
}

export async function runCommand(
  command: Command,
  args: string[],
  databaseUrl: () => string,
  {
    signal = new AbortController().signal,
    pricesFile,
    encryptionKeys = KEYS,
  }: { signal?: AbortSignal | undefined; pricesFile?: string; encryptionKeys?: EncryptionKeys } = {},
): Promise<Outcome> {
  const out: string[] = [];
  const notes: string[] = [];
  const code = await command(args, {
    out: (text) => out.push(text),
    note: (line) => notes.push(line),
    signal,
    databaseUrl,
    pricesFile: () => pricesFile,
    gateway: () => {
      throw new Error('this command asks no gateway');
    },
    encryptionKeys: () => encryptionKeys,
  });
  return { code, out: out.join('\n'), notes: notes.join('\n') };
}

const PROVIDER: ProviderInput = {
  name: 'openai-main',
  type: 'openai',
  apiKey: null,
  baseUrl: null,
  defaultModel: 'gpt-4o-mini',
  models: [],
  priority: 10,
  enabled: true,
  rpmLimit: null,
  tpmLimit: null,
  maxConcurrency: null,
  timeoutMs: null,
  maxRetries: 0,
  pricing: null,
};

export const AT = Date.parse('2026-11-10T12:00:00Z');

/** An attempt as the worker writes it. */
export function attempt(fields: Partial<UsageAttempt> = {}): UsageAttempt {
  const { createdAt = AT } = fields;
  return {
    id: newAttemptId(createdAt),
    requestId: newRequestId(createdAt - 5),
    createdAt,
    number: 1,
    provider: 'openai-main',
    providerType: 'openai',
    model: 'gpt-4o-mini',
    servedModel: 'gpt-4o-mini-2024-07-18',
    status: 'ok',
    error: null,
    errorMessage: null,
    httpStatus: null,
    vendorRequestId: null,
    tokens: { ...NO_TOKENS, uncachedInput: 1_000_000, output: 1_000_000 },
    estimated: false,
    costNanoUsd: 1,
    unpricedReason: null,
    priceVersion: 'genai-prices@0.0.1',
    latencyMs: 10,
    limiterMs: 0,
    worker: 'w',
    ...fields,
  };
}

/** A request with its attempts, whose cost is their sum, as the gateway writes it. */
export function request(...attempts: UsageAttempt[]): UsageEvent {
  const [first] = attempts;
  const createdAt = (first?.createdAt ?? AT) - 5;
  const id = first?.requestId ?? newRequestId(createdAt);
  const isPriced = attempts.every(({ costNanoUsd }) => costNanoUsd !== null);
  const log: UsageLog = {
    id,
    createdAt,
    service: 'billing',
    customerId: null,
    keyId: null,
    provider: first?.provider ?? null,
    providerType: first?.providerType ?? null,
    model: first?.model ?? null,
    status: 'ok',
    errorCode: null,
    cacheStatus: 'MISS',
    finishReason: 'stop',
    tokens: first?.tokens ?? NO_TOKENS,
    costNanoUsd: isPriced ? attempts.reduce((sum, { costNanoUsd }) => sum + (costNanoUsd ?? 0), 0) : null,
    unpricedReason: attempts.find(({ unpricedReason }) => unpricedReason)?.unpricedReason ?? null,
    savedNanoUsd: 0,
    latencyMs: 20,
    queueMs: 1,
    attemptCount: attempts.length,
    clientGone: false,
    metadata: {},
    relatedTo: null,
  };
  return { v: 1, log, attempts: attempts.map((one, index) => ({ ...one, requestId: id, number: index + 1 })) };
}
