import { describe, expect, it } from '@jest/globals';
import type { ConfigSnapshot, CustomerOverride, ProviderConfig } from '@llm-gateway/shared';
import { resolveRoute, routeOrThrow, type RouteQuery } from '../../src/routing/resolve.js';
import { override, provider, snapshot } from '../support/snapshot.js';

const claude = provider('claude-main', { type: 'claude', defaultModel: 'claude-haiku-4-5', priority: 10 });
const openai = provider('openai-main', { type: 'openai', defaultModel: 'gpt-4o-mini', priority: 20 });
const backup = provider('openai-backup', { type: 'openai', defaultModel: 'gpt-4o', models: ['gpt-4o'], priority: 30 });
const house = provider('house', { type: 'custom', defaultModel: 'house-1', priority: 40 });
const off = provider('mistral-off', { type: 'mistral', defaultModel: 'mistral-small-latest', priority: 1, enabled: false });
const all = [house, backup, off, openai, claude];

type Row = [
  promise: string,
  overrides: ConfigSnapshot['overrides'],
  query: Partial<RouteQuery>,
  rule: string,
  candidates: string[],
];

const ladder = [
  override('acme', 'mail', 'house'),
  override('acme', null, 'openai-backup'),
  override(null, 'mail', 'openai-main', { model: 'gpt-4.1' }),
];

const rows: Row[] = [
  [
    'goes by priority, each with its default model',
    [],
    {},
    'priority',
    ['claude-main claude-haiku-4-5', 'openai-main gpt-4o-mini', 'openai-backup gpt-4o', 'house house-1'],
  ],
  ['stops at the first without fallback', [], { fallback: false }, 'priority', ['claude-main claude-haiku-4-5']],
  [
    'puts customer and service before all else',
    ladder,
    { customerId: 'acme', service: 'mail' },
    'customer+service',
    ['house house-1', 'claude-main claude-haiku-4-5', 'openai-main gpt-4o-mini', 'openai-backup gpt-4o'],
  ],
  [
    'puts the customer before the service',
    ladder.slice(1),
    { customerId: 'acme', service: 'mail' },
    'customer',
    ['openai-backup gpt-4o', 'claude-main claude-haiku-4-5', 'openai-main gpt-4o-mini', 'house house-1'],
  ],
  [
    'takes the service where the customer has nothing',
    ladder,
    { customerId: 'other', service: 'mail' },
    'service',
    ['openai-main gpt-4.1', 'claude-main claude-haiku-4-5', 'openai-backup gpt-4o', 'house house-1'],
  ],
  [
    "does not take another customer's override",
    ladder,
    { customerId: 'other', service: 'chat' },
    'priority',
    ['claude-main claude-haiku-4-5', 'openai-main gpt-4o-mini', 'openai-backup gpt-4o', 'house house-1'],
  ],
  [
    'passes over a disabled override',
    [override('acme', 'mail', 'house', { enabled: false }), ladder[1]!],
    { customerId: 'acme', service: 'mail', fallback: false },
    'customer',
    ['openai-backup gpt-4o'],
  ],
  [
    'passes over an override to a disabled provider',
    [override('acme', null, 'mistral-off'), ladder[2]!],
    { customerId: 'acme', service: 'mail', fallback: false },
    'service',
    ['openai-main gpt-4.1'],
  ],
  [
    'passes over an override to a model that its provider does not allow',
    [override('acme', null, 'openai-backup', { model: 'gpt-5' })],
    { customerId: 'acme', fallback: false },
    'priority',
    ['claude-main claude-haiku-4-5'],
  ],
  [
    'lets a pinned provider beat an override',
    ladder,
    { customerId: 'acme', service: 'mail', provider: 'claude-main', fallback: false },
    'pin',
    ['claude-main claude-haiku-4-5'],
  ],
  [
    "falls back from a pinned provider to the others' defaults",
    [],
    { provider: 'house' },
    'pin',
    ['house house-1', 'claude-main claude-haiku-4-5', 'openai-main gpt-4o-mini', 'openai-backup gpt-4o'],
  ],
  ['pins a type as its first enabled provider', [], { provider: 'openai', fallback: false }, 'pin', ['openai-main gpt-4o-mini']],
  [
    'pins a type and a model as the first of the type that allows it',
    [],
    { provider: 'openai', model: 'gpt-4o', fallback: false },
    'pin',
    ['openai-main gpt-4o'],
  ],
  [
    'keeps to the pinned model when it falls back from the pinned provider',
    [],
    { provider: 'openai-backup', model: 'gpt-4o' },
    'pin',
    ['openai-backup gpt-4o', 'openai-main gpt-4o', 'house gpt-4o'],
  ],
  [
    'does not guess at names where provider and model are both pinned',
    [],
    { provider: 'claude-main', model: 'in-house-tune', fallback: false },
    'pin',
    ['claude-main in-house-tune'],
  ],
  [
    'sends a pinned model to those who serve it',
    [],
    { model: 'claude-opus-4-5' },
    'pin',
    ['claude-main claude-opus-4-5', 'house claude-opus-4-5'],
  ],
  ["knows a model by a provider's default", [], { model: 'house-1' }, 'pin', ['house house-1']],
  [
    'keeps a pinned model off providers whose list lacks it',
    [],
    { model: 'gpt-4o-mini' },
    'pin',
    ['openai-main gpt-4o-mini', 'house gpt-4o-mini'],
  ],
  [
    'follows an override to a provider that serves the pinned model',
    [override('acme', null, 'openai-backup')],
    { customerId: 'acme', model: 'gpt-4o' },
    'customer',
    ['openai-backup gpt-4o', 'openai-main gpt-4o', 'house gpt-4o'],
  ],
  [
    'leaves an override whose provider does not serve the pinned model',
    [override('acme', null, 'openai-backup')],
    { customerId: 'acme', model: 'claude-x-1', fallback: false },
    'pin',
    ['claude-main claude-x-1'],
  ],
];

const query = (changes: Partial<RouteQuery>): RouteQuery => ({ service: null, customerId: null, fallback: true, ...changes });

describe('resolveRoute', () => {
  it.each(rows)('%s', (_promise, overrides, changes, rule, candidates) => {
    const route = resolveRoute(snapshot(all, overrides), query(changes));
    expect(route.candidates.map(({ provider: name, model }) => `${name} ${model}`)).toEqual(candidates);
    expect(route.rule).toBe(rule);
    expect(route.refusal).toBeNull();
  });

  it('does not depend on the order in which providers are given', () => {
    const forwards = resolveRoute(snapshot(all), query({}));
    expect(resolveRoute(snapshot(all.toReversed()), query({}))).toEqual(forwards);
  });

  it('puts a custom server that may have the model after its equals that are known to', () => {
    const equals = [provider('a-house', { type: 'custom' }), provider('b-openai', { type: 'openai' })];
    const { candidates } = resolveRoute(snapshot(equals), query({ model: 'gpt-4o' }));
    expect(candidates.map((candidate) => candidate.provider)).toEqual(['b-openai', 'a-house']);
  });

  it.each([
    ['claude', 'claude-sonnet-4-5'],
    ['openai', 'o3-mini'],
    ['openai', 'chatgpt-4o-latest'],
    ['gemini', 'gemini-2.5-pro'],
    ['gemini', 'models/gemini-2.5-pro'],
    ['mistral', 'codestral-latest'],
    ['llama', 'meta-llama/Llama-3.3-70B-Instruct-Turbo'],
  ] as const)('knows by its name that %s serves %s, and nobody else', (type, model) => {
    const everyone = (['claude', 'openai', 'gemini', 'mistral', 'llama'] as const).map((each) => provider(each, { type: each }));
    expect(resolveRoute(snapshot(everyone), query({ model })).candidates).toEqual([{ provider: type, type, model }]);
  });

  it('says of every provider why it is in, out or where it is', () => {
    const { verdicts } = resolveRoute(snapshot(all), query({ provider: 'openai-backup', model: 'gpt-4o' }));
    expect(verdicts).toEqual(
      [
        { provider: 'openai-backup', included: true, reason: 'pinned by the request', position: 1 },
        { provider: 'openai-main', included: true, reason: 'serves the model gpt-4o (priority 20)', position: 2 },
        { provider: 'house', included: true, reason: 'may serve the model gpt-4o (priority 40)', position: 3 },
        { provider: 'mistral-off', included: false, reason: 'disabled', position: null },
        { provider: 'claude-main', included: false, reason: 'does not serve the model gpt-4o', position: null },
      ].toSorted((a, b) => order(a.provider) - order(b.provider)),
    );
  });

  it('names the override that it passes over, and why', () => {
    const { notes } = resolveRoute(
      snapshot(all, [override('acme', 'mail', 'mistral-off')]),
      query({ customerId: 'acme', service: 'mail' }),
    );
    expect(notes).toEqual(['override for customer acme and service mail passed over: its provider mistral-off is disabled']);
  });
});

/** Pinned first, then by priority. */
const order = (name: string): number => ['openai-backup', 'mistral-off', 'claude-main', 'openai-main', 'house'].indexOf(name);

describe('routeOrThrow', () => {
  it.each([
    ['an unknown provider', { provider: 'nobody' }, 'invalid_request', /name or type nobody/],
    ['a disabled provider', { provider: 'mistral-off' }, 'no_provider', /mistral-off is disabled/],
    ['a type without an enabled provider', { provider: 'mistral' }, 'no_provider', /type mistral is enabled/],
    ['a type that nobody has configured', { provider: 'gemini' }, 'no_provider', /type gemini is enabled/],
    [
      'a pinned provider that does not allow the model',
      { provider: 'openai-backup', model: 'gpt-5' },
      'no_provider',
      /openai-backup does not allow the model gpt-5/,
    ],
  ] as const)('refuses %s', (_what, changes, code, message) => {
    expect(() => routeOrThrow(snapshot(all), query(changes))).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('points at the field when the provider is unknown', () => {
    expect(() => routeOrThrow(snapshot(all), query({ provider: 'nobody' }))).toThrow(
      expect.objectContaining({ details: [{ path: 'provider', message: 'there is no provider with the name or type nobody' }] }),
    );
  });

  it('names the model that nobody serves', () => {
    expect(() => routeOrThrow(snapshot([claude, openai]), query({ model: 'no-such-model' }))).toThrow(
      expect.objectContaining({ code: 'no_provider', message: 'no enabled provider serves the model no-such-model' }),
    );
  });

  it.each([
    ['no provider is configured', []],
    ['every provider is disabled', [off]],
  ])('says that %s', (message, providers) => {
    expect(() => routeOrThrow(snapshot(providers), query({}))).toThrow(expect.objectContaining({ code: 'no_provider', message }));
  });
});

describe('a stand-in with made-up answers', () => {
  const trial = [
    provider('claude-main', { type: 'claude', priority: 1, standIn: true }),
    provider('custom-main', { type: 'custom', standIn: true }),
  ];
  const live = provider('live', { priority: 500 });
  const names = (providers: ProviderConfig[], query: Partial<RouteQuery> = {}, overrides: CustomerOverride[] = []) =>
    resolveRoute(snapshot(providers, overrides), { service: 's', fallback: true, ...query }).candidates.map(
      (each) => each.provider,
    );

  it('answers while there is nobody else', () => {
    expect(names(trial)).toEqual(['claude-main', 'custom-main']);
    expect(names([...trial, { ...live, enabled: false }])).toEqual(['claude-main', 'custom-main']);
  });

  it('gives way to the first real provider, whatever the priorities, the model or the type that is pinned', () => {
    expect(names([...trial, live])).toEqual(['live']);
    expect(names([...trial, live], { model: 'claude-haiku-4-5' })).toEqual([]);
    expect(names([...trial, live], { provider: 'claude' })).toEqual([]);
    expect(names([...trial, live], { customerId: 'c' }, [override('c', null, 'claude-main')])).toEqual(['live']);
  });

  it('can still be pinned by its name, with the real ones behind it', () => {
    expect(names([...trial, live], { provider: 'claude-main' })).toEqual(['claude-main', 'live']);
  });

  it('says why it is out', () => {
    const { verdicts } = resolveRoute(snapshot([...trial, live]), { service: 's', fallback: true });
    expect(verdicts.find((each) => each.provider === 'claude-main')?.reason).toMatch(/stand-in .* gives way to real providers/);
  });
});
