import { createHash } from 'node:crypto';
import { SCOPES, wireName, type Scope } from '@llm-gateway/shared';
import type { JWTPayload } from 'jose';
import { z } from 'zod';
import type { Caller } from '../caller.js';
import type { JwtEnv } from './settings.js';

const service = wireName(64).nullable();
const customer = wireName(128).nullable();
const scopeList = z.union([z.string().transform((text) => text.split(' ')), z.array(z.string())]);

/** @returns who a verified token speaks for; null where it says something that cannot be. */
export function callerOfClaims(
  claims: JWTPayload,
  names: Pick<JwtEnv, 'JWT_SERVICE_CLAIM' | 'JWT_CUSTOMER_CLAIM' | 'JWT_SCOPES_CLAIM'>,
): Caller | null {
  const ofService = service.safeParse(claims[names.JWT_SERVICE_CLAIM] ?? null);
  const ofCustomer = customer.safeParse(claims[names.JWT_CUSTOMER_CLAIM] ?? null);
  if (!ofService.success || !ofCustomer.success) return null;
  const named = scopeList.safeParse(claims[names.JWT_SCOPES_CLAIM]).data ?? [];
  const bound = ofService.data !== null || ofCustomer.data !== null;
  // Whoever may administer everything belongs to no one service or customer.
  const scopes = SCOPES.filter((scope) => named.includes(scope) && !(bound && scope === 'admin'));
  return {
    keyId: keyIdOf(claims.sub ?? ''),
    scopes: new Set<Scope>(scopes),
    service: ofService.data,
    customerId: ofCustomer.data,
    rpmLimit: null,
  };
}

/** What rows and logs call the token's subject, whatever it is made of. */
const keyIdOf = (subject: string): string =>
  `jwt:${/^[\x21-\x7e]{1,90}$/.test(subject) ? subject : createHash('sha256').update(subject).digest('hex').slice(0, 32)}`;
