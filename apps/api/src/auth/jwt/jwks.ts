/** The keys of an identity provider: fetched at the start, looked at again now and then, and kept while its server is away. */
import { getDocument, type EgressRules } from '@llm-gateway/providers';
import type { Logger } from '@llm-gateway/shared';
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';

const REFRESH_MS = 600_000;
/** For a token of an unknown key it may be asked anew, but no more often than this, whatever callers send. */
const COOLDOWN_MS = 30_000;
const FAILED_COOLDOWN_MS = 5_000;
const TIMEOUT_MS = 3_000;

/** The keys cannot be had, so that nobody can say whether a token is good. */
export class JwksUnavailable extends Error {
  override readonly name = 'JwksUnavailable';
}

export interface JwksOptions {
  url: string;
  rules: EgressRules;
  logger: Logger;
}

export interface Jwks {
  getKey: JWTVerifyGetKey;
  stop(): void;
}

export function remoteJwks({ url, rules, logger }: JwksOptions): Jwks {
  let failedAt = -Infinity;
  const fetchKeys = async (): Promise<Response> => {
    if (performance.now() - failedAt < FAILED_COOLDOWN_MS) throw new JwksUnavailable('the last try has failed a moment ago');
    try {
      const text = await getDocument({ field: 'JWT_JWKS_URL', url, timeoutMs: TIMEOUT_MS, rules });
      JSON.parse(text);
      return new Response(text, { headers: { 'content-type': 'application/json' } });
    } catch (error) {
      failedAt = performance.now();
      logger.warn({ err: error }, 'the keys of JWT_JWKS_URL could not be fetched, going on with the last known');
      throw new JwksUnavailable('the keys could not be fetched', { cause: error });
    }
  };
  const set = createRemoteJWKSet(new URL(url), {
    [customFetch]: fetchKeys,
    // They do not go stale by themselves: a server that is away must not lock everybody out. The timer looks after changes.
    cacheMaxAge: Infinity,
    cooldownDuration: COOLDOWN_MS,
    timeoutDuration: TIMEOUT_MS + 1_000,
  });
  const refresh = () => void set.reload().catch(() => undefined);
  refresh();
  const timer = setInterval(refresh, REFRESH_MS);
  timer.unref();
  return { getKey: set, stop: () => clearInterval(timer) };
}

/** Is it the keys that are missing, rather than the token that is bad? */
export const isKeysProblem = (error: unknown): boolean =>
  error instanceof JwksUnavailable ||
  error instanceof errors.JWKSTimeout ||
  error instanceof errors.JWKSInvalid ||
  (error as { code?: unknown } | null)?.code === 'ERR_JOSE_GENERIC';
