import { wireAuditEntry } from '@llm-gateway/shared';
import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { auditQuery } from '../audit/query.js';
import { pageOf } from '../http/paging.js';
import { keyListQuery } from '../keys/router.js';
import { keyCreate, keyRotate, wireKey, wireNewKey } from '../keys/wire.js';
import { operation } from './operation.js';

const idPath = z.object({ id: z.string().length(26) });
const access = { scope: 'admin', tag: 'Keys and audit' } as const;
const newKey = wireNewKey.meta({ id: 'NewKey' });

export const accessPaths: ZodOpenApiPathsObject = {
  '/api/v1/keys': {
    get: operation({
      ...access,
      summary: 'List keys',
      description: 'Those in the database; the keys of the environment are not listed.',
      query: keyListQuery,
      ok: { status: 200, description: 'Oldest first.', schema: pageOf(wireKey.meta({ id: 'Key' })) },
    }),
    post: operation({
      ...access,
      summary: 'Make a key',
      description:
        'In effect in every process within 2 s. The answer shows the key, this once: only a fingerprint of it is kept.',
      body: {
        schema: keyCreate.meta({ id: 'KeyCreate' }),
        example: { name: 'billing-2026', service: 'billing', scopes: ['generate', 'read'], expires_at: null, rpm_limit: 600 },
      },
      ok: { status: 201, description: 'The row, and the key.', schema: newKey },
      errors: ['conflict'],
    }),
  },
  '/api/v1/keys/{id}/rotate': {
    post: operation({
      ...access,
      summary: 'Put a new secret in the place of a key',
      description: 'The present one stays good for the grace; one that was in its grace already ends now.',
      path: idPath,
      body: { schema: keyRotate.meta({ id: 'KeyRotate' }), example: { grace_seconds: 86_400 } },
      ok: { status: 200, description: 'The row, and the new key, this once.', schema: newKey },
      errors: ['not_found'],
    }),
  },
  '/api/v1/keys/{id}': {
    delete: operation({
      ...access,
      summary: 'Revoke a key',
      description: 'Refused by every process within 2 s.',
      path: idPath,
      ok: { status: 204, description: 'Gone; the audit log keeps what it was.' },
      errors: ['not_found'],
    }),
  },
  '/api/v1/audit': {
    get: operation({
      ...access,
      summary: 'Who changed what',
      description: 'Append-only. Every change of the configuration is here, written in the transaction of the change.',
      query: auditQuery,
      ok: { status: 200, description: 'Newest first.', schema: pageOf(wireAuditEntry.meta({ id: 'AuditEntry' })) },
    }),
  },
};
