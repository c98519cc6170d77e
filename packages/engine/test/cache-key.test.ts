import { describe, expect, it } from '@jest/globals';
import { generateRequest, PROVIDER_TYPES, type GenerateInput, type GenerateRequest } from '@llm-gateway/shared';
import { cacheKey, cacheScope } from '../src/index.js';
import { request } from './samples.js';

const OPENAI = { type: 'openai', baseUrl: null, model: 'gpt-4o-mini' } as const;
const SCOPE = 'service:blog';
const keyOf = (input: Partial<GenerateInput> = {}) => cacheKey(OPENAI, request(input), SCOPE);

type Field = keyof GenerateRequest;

/** A value for every field that can change the answer, and so must change the key. */
const CHANGES: Partial<{ [Name in Field]: GenerateInput[Name] }> = {
  prompt: 'Say goodbye',
  messages: [{ role: 'user', content: 'Say goodbye' }],
  system: 'You are terse.',
  max_tokens: 10,
  temperature: 0,
  top_p: 0,
  stop: 'END',
  seed: 0,
  response_format: { type: 'json' },
};
/**
 * And for every field that cannot. Who asks is in the scope; provider and model are those that answer, not those asked for; the
 * others say how the answer comes about, or who counts it.
 */
const KEEPS: Partial<{ [Name in Field]: GenerateInput[Name] }> = {
  service: 'mail',
  customer_id: 'acme',
  provider: 'claude',
  model: 'another-model',
  cache: { mode: 'refresh', ttl_seconds: 5, scope: 'global' },
  fallback: false,
  priority: 1,
  timeout_ms: 100,
  metadata: { page: '7' },
};
const fields = Object.keys(generateRequest.shape) as Field[];

describe('the cache key', () => {
  it('has a decision about every field of a request', () => {
    expect([...Object.keys(CHANGES), ...Object.keys(KEEPS)].sort()).toEqual([...fields].sort());
  });

  it.each(fields.filter((field) => field in CHANGES))('differs where %s differs', (field) => {
    expect(keyOf({ [field]: CHANGES[field] })).not.toBe(keyOf());
  });

  it.each(fields.filter((field) => field in KEEPS))('is the same whatever %s says', (field) => {
    expect(keyOf({ [field]: KEEPS[field] })).toBe(keyOf());
  });

  it('tells parameters of equal values apart', () => {
    const keys = [{ temperature: 1 }, { top_p: 1 }, { seed: 1 }, { max_tokens: 1 }, { system: 'a' }, { stop: 'a' }].map(keyOf);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('is the same for two ways to write one request', () => {
    expect(keyOf({ messages: [{ role: 'user', content: 'Say hello' }] })).toBe(keyOf());
    expect(keyOf({ stop: ['END'] })).toBe(keyOf({ stop: 'END' }));
    expect(keyOf({ response_format: { type: 'text' } })).toBe(keyOf());
    expect(keyOf({ seed: undefined })).toBe(keyOf());
  });

  it('does not depend on the order of keys, but on that of messages and stop texts', () => {
    const schema = (one: object) => keyOf({ seed: 1, response_format: { type: 'json_schema', schema: { ...one } } });
    expect(schema({ type: 'object', title: 'x' })).toBe(schema({ title: 'x', type: 'object' }));
    const reversed = Object.fromEntries(Object.entries(request({ seed: 1, top_p: 1 })).reverse()) as GenerateRequest;
    expect(cacheKey(OPENAI, reversed, SCOPE)).toBe(keyOf({ seed: 1, top_p: 1 }));
    const [one, two] = [{ role: 'user', content: 'a' } as const, { role: 'assistant', content: 'b' } as const];
    expect(keyOf({ messages: [one, two] })).not.toBe(keyOf({ messages: [two, one] }));
    expect(keyOf({ stop: ['a', 'b'] })).not.toBe(keyOf({ stop: ['b', 'a'] }));
  });

  it('differs by model, type and scope', () => {
    const url = 'http://127.0.0.1:9';
    const keys = [
      ...PROVIDER_TYPES.map((type) => cacheKey({ type, baseUrl: url, model: 'm' }, request(), SCOPE)),
      cacheKey({ type: 'openai', baseUrl: url, model: 'n' }, request(), SCOPE),
      cacheKey({ type: 'openai', baseUrl: url, model: 'm' }, request(), 'service:mail'),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("differs by where calls really go, and the vendor's own address needs no writing", () => {
    const at = (baseUrl: string | null) => cacheKey({ ...OPENAI, baseUrl }, request(), SCOPE);
    expect(at('https://proxy.example/v1')).not.toBe(at(null));
    expect(at('https://api.openai.com/v1/')).toBe(at(null));
  });
});

describe('the scope of a cached answer', () => {
  it.each<[string, Parameters<typeof cacheScope>[0]]>([
    ['customer:acme', { customer_id: 'acme' }],
    ['service:blog', {}],
    ['customer:acme', { customer_id: 'acme', cache: { mode: 'default', scope: 'customer' } }],
    ['service:blog', { customer_id: 'acme', cache: { mode: 'default', scope: 'service' } }],
    ['global', { customer_id: 'acme', cache: { mode: 'default', scope: 'global' } }],
    ['service:blog', { cache: { mode: 'refresh' } }],
  ])('is %s for %j', (scope, asked) => {
    expect(cacheScope(asked, 'blog')).toBe(scope);
  });

  it('never mistakes a service for a customer of the same name', () => {
    expect(cacheScope({}, 'acme')).not.toBe(cacheScope({ customer_id: 'acme' }, 'blog'));
  });
});
