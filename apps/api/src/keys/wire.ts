/** Keys as administrators write and read them. */
import type { ServiceKeyInput, StoredServiceKey } from '@llm-gateway/db';
import { SCOPES, wireName } from '@llm-gateway/shared';
import { z } from 'zod';
import { time } from '../http/time.js';

const LONGEST_GRACE_SECONDS = 30 * 86_400;

/** The body of `POST /api/v1/keys`. */
export const keyCreate = z
  .strictObject({
    name: wireName(100),
    service: wireName(64).nullable().optional().describe('The one service that it belongs to; null: the request says which.'),
    scopes: z
      .array(z.enum(SCOPES))
      .min(1)
      .max(SCOPES.length)
      .describe('None that the key which makes it does not have. `admin` goes with no service.'),
    expires_at: time
      .refine((text) => Date.parse(text) > Date.now(), 'must lie in the future')
      .nullable()
      .optional()
      .describe('null: never.'),
    rpm_limit: z
      .int()
      .min(1)
      .max(1_000_000)
      .nullable()
      .optional()
      .describe('Requests in any 60 seconds, over all replicas together; null: no limit.'),
  })
  .refine(({ service, scopes }) => (service ?? null) === null || !scopes.includes('admin'), {
    path: ['service'],
    message: 'must not be given with the scope admin: an administrator belongs to no one service',
  });

export const keyRotate = z.strictObject({
  grace_seconds: z
    .int()
    .min(0)
    .max(LONGEST_GRACE_SECONDS)
    .describe('How long the present key stays good beside the new one; 0: it ends now.'),
});

export const toKeyInput = (body: z.output<typeof keyCreate>): ServiceKeyInput => ({
  name: body.name,
  service: body.service ?? null,
  scopes: SCOPES.filter((scope) => body.scopes.includes(scope)),
  expiresAt: body.expires_at == null ? null : new Date(body.expires_at),
  rpmLimit: body.rpm_limit ?? null,
});

export const wireKey = z.object({
  id: z.string().describe('Usage rows and the audit log name the key by it.'),
  name: z.string(),
  service: z.string().nullable(),
  scopes: z.array(z.string()),
  expires_at: z.iso.datetime().nullable(),
  rpm_limit: z.int().nullable(),
  last_used_at: z.iso.datetime().nullable().describe('To within two minutes.'),
  previous_valid_until: z.iso.datetime().nullable().describe('Until when the key from before the last rotation is good as well.'),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

export const wireNewKey = wireKey.extend({ key: z.string().describe('`lgw_<id>_<secret>`, this once and never again.') });

export const toWireKey = (row: StoredServiceKey): z.infer<typeof wireKey> => ({
  id: row.id,
  name: row.name,
  service: row.service,
  scopes: row.scopes,
  expires_at: row.expiresAt,
  rpm_limit: row.rpmLimit,
  last_used_at: row.lastUsedAt,
  previous_valid_until: row.previousValidUntil,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
});
