/** Keys of callers that stand in the database: as every process holds them in memory, and as they travel in the mirror. Fingerprints only. */
import { z } from 'zod';

export const SCOPES = ['generate', 'read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

const fingerprint = z.string().length(64);

export const serviceKey = z.object({
  id: z.string(),
  /** The one service that it belongs to; null: the request says which. */
  service: z.string().nullable(),
  /** A scope of another build is none here. */
  scopes: z.array(z.string()).transform((scopes) => SCOPES.filter((scope) => scopes.includes(scope))),
  /** HMAC-SHA256 of the whole key, in hex. */
  fingerprint,
  /** What the key was before its last rotation, valid until the grace is over. */
  previous: z.object({ fingerprint, until: z.iso.datetime() }).nullable(),
  expiresAt: z.iso.datetime().nullable(),
  rpmLimit: z.int().positive().nullable(),
});
export type ServiceKey = z.infer<typeof serviceKey>;

/** All that authentication needs. */
export const keyRing = z.object({
  /** The secret that fingerprints are made with, encrypted; null: there has never been a key. */
  pepper: z.string().nullable(),
  /** A key that this build cannot understand, as in the mirror of a newer one, is left out, alone. */
  keys: z.array(z.unknown()).transform((rows) =>
    rows.flatMap((row) => {
      const parsed = serviceKey.safeParse(row);
      return parsed.success ? [parsed.data] : [];
    }),
  ),
});
export type KeyRing = z.infer<typeof keyRing>;
