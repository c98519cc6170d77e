import type { AuditFilter } from '@llm-gateway/db';
import { wireName } from '@llm-gateway/shared';
import { z } from 'zod';
import { pageQuery } from '../http/paging.js';
import { momentOrDay } from '../http/time.js';

export const auditQuery = z.strictObject({
  key_id: wireName(100).optional().describe('Who did it.'),
  action: wireName(100).optional().describe('`provider.update`.'),
  target: wireName(100).optional().describe('What kind of thing it was done to: `provider`.'),
  target_id: wireName(100).optional(),
  from: momentOrDay.optional(),
  to: momentOrDay.optional().describe('Not included itself.'),
  ...pageQuery,
});

export const toAuditFilter = (query: z.output<typeof auditQuery>): AuditFilter => ({
  keyId: query.key_id,
  action: query.action,
  target: query.target,
  targetId: query.target_id,
  from: query.from === undefined ? undefined : new Date(query.from),
  to: query.to === undefined ? undefined : new Date(query.to),
});
