/** Providers as callers write and read them. */
import { checkBaseUrl, needsKey, type EgressRules } from '@llm-gateway/providers';
import type { ProviderInput } from '@llm-gateway/db';
import { providerPricing, providerType, wireName, wireText, type ProviderConfig, type ProviderType } from '@llm-gateway/shared';
import { z } from 'zod';

const limit = (max: number) => z.int().min(1).max(max).nullable();
const model = wireName(200);

export const secret = wireText(4_096).regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces');

const fields = (egress: EgressRules) => ({
  name: z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 of a-z, 0-9 and -'),
  type: providerType,
  api_key: secret.nullable().meta({
    writeOnly: true,
    description: 'Write only; reads give `api_key_hint`. Required but for `custom`, and for `llama` away from Together AI.',
  }),
  base_url: wireText(2_048)
    .superRefine((url, context) => {
      const problem = checkBaseUrl(url, egress);
      if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    })
    .nullable()
    .describe('Required for `custom`; `llama` is Together AI unless given.'),
  default_model: model.describe('Used where a request names no model. Required for `custom`.'),
  models: z.array(model).max(500).describe('Allowed models; empty: any.'),
  priority: z.int().min(0).max(1_000_000).describe('Lower first.'),
  enabled: z.boolean(),
  rpm_limit: limit(10_000_000),
  tpm_limit: limit(2_000_000_000),
  max_concurrency: limit(1_000_000),
  timeout_ms: z.int().min(100).max(600_000).nullable().describe('Longest single call; null: the deadline of the request alone.'),
  max_retries: z.int().min(0).max(10).describe('Further calls to this provider after a failed one, before the next candidate.'),
  pricing: providerPricing.nullable().describe('USD per million tokens; beats the price table.'),
});

/** The body of `POST /api/v1/providers`. */
export const providerCreate = (egress: EgressRules) => {
  const all = fields(egress);
  const { name, type, ...optional } = all;
  return z.strictObject({ name, type, ...z.object(optional).partial().shape }).superRefine((value, context) => {
    for (const { path, message } of missingFields(value)) context.addIssue({ code: 'custom', path: [path], message });
    const problem = modelProblem(value.default_model, value.models ?? []);
    if (problem) context.addIssue({ code: 'custom', path: ['default_model'], message: problem });
  });
};
export type ProviderCreate = z.output<ReturnType<typeof providerCreate>>;

/** The body of `PATCH /api/v1/providers/{id}`: fields that are not given stay as they are. */
export const providerPatch = (egress: EgressRules) => z.strictObject(fields(egress)).partial();
export type ProviderPatch = z.output<ReturnType<typeof providerPatch>>;

interface Incomplete {
  type: ProviderType;
  api_key?: string | null | undefined;
  base_url?: string | null | undefined;
  default_model?: string | undefined;
  models?: string[] | undefined;
}

/** What this type of provider cannot do without. */
export function missingFields(value: Incomplete): { path: string; message: string }[] {
  const missing: { path: string; message: string }[] = [];
  if (value.type === 'custom' && !value.base_url)
    missing.push({ path: 'base_url', message: 'is required for a custom provider' });
  if (value.type === 'custom' && !value.default_model && !value.models?.length) {
    missing.push({ path: 'default_model', message: 'is required for a custom provider' });
  }
  if (!value.api_key && needsKey(value.type, value.base_url ?? null))
    missing.push({ path: 'api_key', message: 'is required for this type of provider' });
  return missing;
}

export const modelProblem = (defaultModel: string | undefined, models: readonly string[]): string | null =>
  defaultModel !== undefined && models.length > 0 && !models.includes(defaultModel) ? 'must be one of models' : null;

/** Inexpensive and current general models, for whoever names none. */
const DEFAULT_MODELS = {
  claude: 'claude-haiku-4-5',
  openai: 'gpt-4o-mini',
  gemini: 'gemini-2.5-flash',
  llama: 'meta-llama/Llama-3.3-70B-Instruct-Turbo',
  mistral: 'mistral-small-latest',
  custom: '',
} as const satisfies Record<ProviderType, string>;

/** @returns the row to create, defaults filled in. */
export function toProviderInput(body: ProviderCreate): ProviderInput {
  const models = [...new Set(body.models ?? [])];
  return {
    name: body.name,
    type: body.type,
    apiKey: body.api_key ?? null,
    baseUrl: body.base_url ?? null,
    defaultModel: body.default_model ?? models[0] ?? DEFAULT_MODELS[body.type],
    models,
    priority: body.priority ?? 100,
    enabled: body.enabled ?? true,
    rpmLimit: body.rpm_limit ?? null,
    tpmLimit: body.tpm_limit ?? null,
    maxConcurrency: body.max_concurrency ?? null,
    timeoutMs: body.timeout_ms ?? null,
    maxRetries: body.max_retries ?? 1,
    pricing: body.pricing ?? null,
  };
}

const ROW_NAMES = {
  name: 'name',
  type: 'type',
  api_key: 'apiKey',
  base_url: 'baseUrl',
  default_model: 'defaultModel',
  models: 'models',
  priority: 'priority',
  enabled: 'enabled',
  rpm_limit: 'rpmLimit',
  tpm_limit: 'tpmLimit',
  max_concurrency: 'maxConcurrency',
  timeout_ms: 'timeoutMs',
  max_retries: 'maxRetries',
  pricing: 'pricing',
} as const satisfies Record<keyof ProviderPatch, keyof ProviderInput>;

/** @returns only what the body gives: null clears, absent stays. */
export function toProviderPatch(body: ProviderPatch): Partial<ProviderInput> {
  return Object.fromEntries(Object.entries(body).map(([field, value]) => [ROW_NAMES[field as keyof ProviderPatch], value]));
}

export const wireProvider = z.object({
  id: z.string(),
  name: z.string(),
  type: providerType,
  api_key_hint: z.string().nullable().describe('The last four characters of the key.'),
  previous_key_until: z.iso
    .datetime()
    .nullable()
    .describe('Until then calls fall back on the key before the last rotation; null: there is none.'),
  base_url: z.string().nullable(),
  default_model: z.string(),
  models: z.array(z.string()),
  priority: z.int(),
  enabled: z.boolean(),
  rpm_limit: z.int().nullable(),
  tpm_limit: z.int().nullable(),
  max_concurrency: z.int().nullable(),
  timeout_ms: z.int().nullable(),
  max_retries: z.int(),
  pricing: providerPricing.nullable(),
  stand_in: z.boolean().describe('Made by `npm start`, with made-up answers: asked only while no real provider is enabled.'),
  version: z.int().describe('Grows with every change; in quotes it is the `ETag`.'),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});
export type WireProvider = z.infer<typeof wireProvider>;

export const toWireProvider = (row: ProviderConfig): WireProvider => ({
  id: row.id,
  name: row.name,
  type: row.type,
  api_key_hint: row.apiKeyHint,
  previous_key_until:
    row.previousKeyUntil !== null && Date.parse(row.previousKeyUntil) > Date.now() ? row.previousKeyUntil : null,
  base_url: row.baseUrl,
  default_model: row.defaultModel,
  models: row.models,
  priority: row.priority,
  enabled: row.enabled,
  rpm_limit: row.rpmLimit,
  tpm_limit: row.tpmLimit,
  max_concurrency: row.maxConcurrency,
  timeout_ms: row.timeoutMs,
  max_retries: row.maxRetries,
  pricing: row.pricing,
  stand_in: row.standIn,
  version: row.version,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
});
