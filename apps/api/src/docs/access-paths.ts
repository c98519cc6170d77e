import { wireAuditEntry } from '@llm-gateway/shared';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { auditQuery } from '../audit/query.js';
import { pageOf } from '../http/paging.js';
import { operation } from './operation.js';

export const accessPaths: ZodOpenApiPathsObject = {
  '/api/v1/audit': {
    get: operation({
      scope: 'admin',
      tag: 'Keys and audit',
      summary: 'Who changed what',
      description: 'Append-only. Every change of the configuration is here, written in the transaction of the change.',
      query: auditQuery,
      ok: { status: 200, description: 'Newest first.', schema: pageOf(wireAuditEntry.meta({ id: 'AuditEntry' })) },
    }),
  },
};
