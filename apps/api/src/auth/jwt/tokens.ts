/** Callers who show a token of the company's identity provider. What it does not say it does not give. */
import type { EgressRules } from '@llm-gateway/providers';
import { GatewayError, type Logger } from '@llm-gateway/shared';
import { decodeProtectedHeader, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { Caller, KeyStore } from '../caller.js';
import { callerOfClaims } from './claims.js';
import { isKeysProblem, remoteJwks } from './jwks.js';
import type { JwtEnv } from './settings.js';

const CLOCK_TOLERANCE_SECONDS = 5;
const SHAPE = /^[\w-]{1,2048}\.[\w-]{1,8192}\.[\w-]{0,2048}$/;
const TYPES = new Set(['JWT', 'at+jwt', 'application/at+jwt']);
/** A key, or a way to one, that a token brings along is the word of whoever wrote it. */
const OWN_KEYS = ['jku', 'jwk', 'x5u', 'x5c'];

export interface Tokens extends KeyStore {
  stop(): void;
}

/** @returns null where no tokens are taken. */
export function tokensOf(env: JwtEnv, rules: EgressRules, logger: Logger): Tokens | null {
  const { JWT_JWKS_URL: url, JWT_PUBLIC_KEY: publicKey, JWT_ISSUER: issuer = '', JWT_AUDIENCE: audience = '' } = env;
  const jwks = url === undefined ? null : remoteJwks({ url, rules, logger });
  const getKey: JWTVerifyGetKey | undefined = jwks?.getKey ?? (publicKey && (() => publicKey));
  if (!getKey) return null;
  const checks = {
    algorithms: env.JWT_ALGORITHMS,
    issuer,
    audience,
    requiredClaims: ['exp', 'sub'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  };
  const claimsOf = async (token: string): Promise<JWTPayload | null> => {
    try {
      if (!isPlain(token)) return null;
      return (await jwtVerify(token, getKey, checks)).payload;
    } catch (error) {
      if (!isKeysProblem(error)) return null;
      throw new GatewayError('unavailable', 'the token cannot be checked, try again', { retryAfterMs: 5_000, cause: error });
    }
  };
  return {
    async find(token): Promise<Caller | null> {
      const claims = SHAPE.test(token) ? await claimsOf(token) : null;
      return claims && callerOfClaims(claims, env);
    },
    stop: () => jwks?.stop(),
  };
}

function isPlain(token: string): boolean {
  const header = decodeProtectedHeader(token);
  if (OWN_KEYS.some((name) => name in header)) return false;
  return header.typ === undefined || TYPES.has(header.typ);
}
