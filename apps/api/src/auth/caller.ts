import type { Scope } from '@llm-gateway/shared';
import type { Response } from 'express';

/** Who asks, as far as a key or a token tells. */
export interface Caller {
  /** Names the key in rows and logs; the key cannot be found from it. */
  keyId: string;
  scopes: ReadonlySet<Scope>;
  /** The one service that the key belongs to; null: the request says which. */
  service: string | null;
  /** The one customer that the token is bound to; null: the request says which, or none. */
  customerId: string | null;
  /** Requests a minute; null: as many as it likes. */
  rpmLimit: number | null;
}

/** Knows keys: the environment's, those in the database, and tokens. */
export interface KeyStore {
  /** @returns null for a key that nobody has. @throws GatewayError unavailable when that cannot be found out: never a guess. */
  find(key: string): Promise<Caller | null>;
}

/** Is it found out who asks? */
export const isKnown = (res: Response): boolean => res.locals['caller'] !== undefined;

export const callerOf = (res: Response): Caller => {
  const caller = res.locals['caller'] as Caller | undefined;
  if (!caller) throw new Error('this route is mounted without authentication');
  return caller;
};
