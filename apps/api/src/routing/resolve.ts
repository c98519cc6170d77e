/**
 * Where a request goes: a pin in the request, else the ladder of overrides, else priority order. Pure: what it says depends on
 * the snapshot and the query alone.
 *
 * A pinned model is what the caller wants: every candidate serves that model. Without one, each candidate uses its default model.
 * A request that pins only a model still goes first where an override sends it, if that provider serves the model.
 */
import { GatewayError, type Candidate, type ConfigSnapshot, type ProviderConfig } from '@llm-gateway/shared';
import { matchingOverride, type OverrideRule } from './override-ladder.js';
import { pinnedProvider } from './pinned-provider.js';
import { hasReal, serves } from './serves.js';

export interface RouteQuery {
  service?: string | null | undefined;
  customerId?: string | null | undefined;
  /** A provider's name, or a type. */
  provider?: string | undefined;
  model?: string | undefined;
  /** May others than the first be tried. */
  fallback: boolean;
}

export type RouteRule = 'pin' | OverrideRule | 'priority';

/** What became of one provider, for people who ask why. */
export interface Verdict {
  provider: string;
  included: boolean;
  reason: string;
  /** 1 for the first candidate; null where it is none. */
  position: number | null;
}

export interface Route {
  /** In the order in which they are tried; empty where `refusal` says why. */
  candidates: Candidate[];
  rule: RouteRule;
  readonly verdicts: Verdict[];
  /** Overrides that apply to the request and were passed over, and why. */
  notes: string[];
  refusal: GatewayError | null;
}

/** What decided the first candidate. */
interface Lead {
  rule: RouteRule;
  reason: string;
  first: Candidate | null;
  notes: string[];
  refusal: GatewayError | null;
}

type Ranked = { provider: ProviderConfig; candidate: Candidate | null; reason: string };

/** @returns the route; one without candidates carries its `refusal`. */
export function resolveRoute(snapshot: ConfigSnapshot, query: RouteQuery): Route {
  const providers = inPriority(snapshot);
  const lead = leadOf(providers, snapshot, query);
  const ranked = lead.refusal ? [] : rank(providers, lead, query);
  const candidates = ranked.flatMap(({ candidate }) => candidate ?? []);
  const refusal = lead.refusal ?? (candidates.length === 0 ? nobody(providers, query) : null);
  const { rule, notes } = lead;
  return {
    ...{ candidates, rule, notes, refusal },
    // Only people ask for them.
    get verdicts() {
      return verdicts(providers, ranked, lead);
    },
  };
}

/** @throws GatewayError invalid_request for a provider that does not exist, no_provider where nothing can serve the request. */
export function routeOrThrow(snapshot: ConfigSnapshot, query: RouteQuery): Route {
  const route = resolveRoute(snapshot, query);
  if (route.refusal) throw route.refusal;
  return route;
}

function leadOf(providers: readonly ProviderConfig[], snapshot: ConfigSnapshot, query: RouteQuery): Lead {
  if (query.provider !== undefined) {
    const pinned = pinnedProvider(providers, query.provider, query.model);
    if (pinned instanceof GatewayError) return { rule: 'pin', reason: '', first: null, notes: [], refusal: pinned };
    const first = toCandidate(pinned, query.model ?? pinned.defaultModel);
    return { rule: 'pin', reason: 'pinned by the request', first, notes: [], refusal: null };
  }
  const { match, notes } = matchingOverride(providers, snapshot.overrides, query);
  if (match) {
    const first = toCandidate(match.provider, match.model);
    return { rule: match.rule, reason: `chosen by the override for ${match.subject}`, first, notes, refusal: null };
  }
  return { rule: query.model === undefined ? 'priority' : 'pin', reason: '', first: null, notes, refusal: null };
}

/** The first candidate, then the others in priority order. */
function rank(providers: readonly ProviderConfig[], lead: Lead, query: RouteQuery): Ranked[] {
  const first = providers.find((provider) => provider.name === lead.first?.provider);
  const standBack = hasReal(providers);
  const others = providers
    .filter((provider) => provider !== first)
    .map((provider) => (provider.standIn && standBack ? givesWay(provider) : place(provider, query.model)));
  const head: Ranked[] = first && lead.first ? [{ provider: first, candidate: lead.first, reason: lead.reason }] : [];
  const ranked = [...head, ...(query.model === undefined ? others : knownFirst(others, query.model))];
  return query.fallback ? ranked : withoutFallback(ranked);
}

/** A made-up answer must not take the place of a real one because a vendor failed. Who wants a stand-in all the same pins it by its name. */
const givesWay = (provider: ProviderConfig): Ranked => ({
  provider,
  candidate: null,
  reason: provider.enabled
    ? 'a stand-in with made-up answers: it gives way to real providers, unless pinned by name'
    : 'disabled',
});

function place(provider: ProviderConfig, model: string | undefined): Ranked {
  if (!provider.enabled) return { provider, candidate: null, reason: 'disabled' };
  if (model === undefined) {
    return {
      provider,
      candidate: toCandidate(provider, provider.defaultModel),
      reason: `in priority order (priority ${provider.priority})`,
    };
  }
  const answer = serves(provider, model);
  if (answer === 'no') return { provider, candidate: null, reason: `does not serve the model ${model}` };
  const how = answer === 'known' ? 'serves' : 'may serve';
  return {
    provider,
    candidate: toCandidate(provider, model),
    reason: `${how} the model ${model} (priority ${provider.priority})`,
  };
}

/** Among equals in priority, a custom server that may have the model comes after those known to have it. */
function knownFirst(ranked: Ranked[], model: string): Ranked[] {
  const doubt = ({ provider }: Ranked): number => (serves(provider, model) === 'known' ? 0 : 1);
  return ranked.toSorted((a, b) => a.provider.priority - b.provider.priority || doubt(a) - doubt(b));
}

function withoutFallback(ranked: Ranked[]): Ranked[] {
  const first = ranked.find(({ candidate }) => candidate !== null);
  return ranked.map((entry) =>
    entry === first || !entry.candidate ? entry : { ...entry, candidate: null, reason: 'the request allows no fallback' },
  );
}

function verdicts(providers: readonly ProviderConfig[], ranked: readonly Ranked[], lead: Lead): Verdict[] {
  if (lead.refusal) {
    return providers.map(({ name, enabled }) => ({
      provider: name,
      included: false,
      reason: enabled ? 'not what the request pins' : 'disabled',
      position: null,
    }));
  }
  let position = 0;
  return ranked.map(({ provider, candidate, reason }) => ({
    provider: provider.name,
    included: candidate !== null,
    reason,
    position: candidate ? ++position : null,
  }));
}

function nobody(providers: readonly ProviderConfig[], query: RouteQuery): GatewayError {
  if (providers.length === 0) return new GatewayError('no_provider', 'no provider is configured');
  if (!providers.some(({ enabled }) => enabled)) return new GatewayError('no_provider', 'every provider is disabled');
  return new GatewayError('no_provider', `no enabled provider serves the model ${query.model ?? ''}`);
}

const toCandidate = (provider: ProviderConfig, model: string): Candidate => ({
  provider: provider.name,
  type: provider.type,
  model,
});

const sorted = new WeakMap<ConfigSnapshot, readonly ProviderConfig[]>();

/** Every request asks, and a snapshot never changes. */
function inPriority(snapshot: ConfigSnapshot): readonly ProviderConfig[] {
  const known = sorted.get(snapshot) ?? snapshot.providers.toSorted(byPriority);
  sorted.set(snapshot, known);
  return known;
}

const byPriority = (a: ProviderConfig, b: ProviderConfig): number => a.priority - b.priority || (a.name < b.name ? -1 : 1);
