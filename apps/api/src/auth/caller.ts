import type { Response } from 'express';

export const SCOPES = ['generate', 'read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who asks, as far as a key tells. */
export interface Caller {
  /** Names the key in rows and logs; the key cannot be found from it. */
  keyId: string;
  scopes: ReadonlySet<Scope>;
  /** The one service that the key belongs to; null: the request says which. */
  service: string | null;
}

/** Knows keys. Behind this interface stand the environment's keys, and later those in the database. */
export interface KeyStore {
  /** @returns null for a key that nobody has. @throws GatewayError unavailable when that cannot be found out: never a guess. */
  find(key: string): Promise<Caller | null>;
}

export const callerOf = (res: Response): Caller => {
  const caller = res.locals['caller'] as Caller | undefined;
  if (!caller) throw new Error('this route is mounted without authentication');
  return caller;
};
