/** Many calls through one vendor's SDK, in this very process, and how each of them ended. */
import { STAND_IN_MODELS } from '@llm-gateway/local-services';
import { createProvider, parseEgressAllow, type Provider } from '@llm-gateway/providers';
import { ProviderError, type ProviderFault, type ProviderType } from '@llm-gateway/shared';

export const RUNS = 200;
const AT_ONCE = 50;
export const DEADLINE_MS = 800;
export const BOUND_MS = 500;

/** One set of rules, one agent, one pool of sockets: as in a process of the gateway. */
const LOOPBACK = parseEgressAllow('127.0.0.0/8');

export interface Ending {
  /** How a call may end. */
  faults: readonly ProviderFault[];
  /** Before its deadline, too. */
  early?: boolean;
  atOnce?: number;
}

export interface Seen {
  late: number;
  worstMs: number;
  otherEnds: number;
  /** The first of those, in words. */
  other: string | null;
}

export async function callAll(
  type: ProviderType,
  baseUrl: string,
  { faults, early = false, atOnce = AT_ONCE }: Ending,
): Promise<Seen> {
  const provider = providerAt(type, baseUrl);
  const seen: Seen = { late: 0, worstMs: 0, otherEnds: 0, other: null };
  const call = async (): Promise<void> => {
    const startedAt = performance.now();
    const end = await endOf(provider, type);
    const off = performance.now() - startedAt - DEADLINE_MS;
    const worst = early ? Math.max(0, off) : Math.abs(off);
    seen.worstMs = Math.max(seen.worstMs, worst);
    if (worst > BOUND_MS) seen.late++;
    if (end instanceof ProviderError && faults.includes(end.fault)) return;
    seen.otherEnds++;
    seen.other ??= end instanceof ProviderError ? `${end.fault}: ${end.message}` : String(end);
  };
  for (let run = 0; run < RUNS; run += atOnce) await Promise.all(Array.from({ length: atOnce }, call));
  return seen;
}

/** A vendor's SDK is loaded with its first call, which the machine may take its time for. @returns ms beyond the deadline. */
export async function firstCall(type: ProviderType, baseUrl: string): Promise<number> {
  const startedAt = performance.now();
  await endOf(providerAt(type, baseUrl), type);
  return Math.max(0, performance.now() - startedAt - DEADLINE_MS);
}

const providerAt = (type: ProviderType, baseUrl: string): Provider =>
  createProvider({ type, apiKey: 'sk-test', baseUrl, egressAllow: LOOPBACK });

async function endOf(provider: Provider, type: ProviderType): Promise<unknown> {
  const messages = [{ role: 'user' as const, content: 'hello?' }];
  const call = { model: STAND_IN_MODELS[type], messages, timeoutMs: DEADLINE_MS };
  return provider.generate(call, new AbortController().signal).catch((error: unknown) => error);
}
