import type { WireAuditEntry } from '@llm-gateway/shared';
import { z } from 'zod';
import { query, type Db } from '../connection/database.js';
import type { AuditLog as AuditRow } from '../generated/client.js';
import { readCursor, toPage, type Page, type PageRequest } from '../page.js';

export interface AuditFilter {
  keyId?: string | undefined;
  action?: string | undefined;
  target?: string | undefined;
  targetId?: string | undefined;
  from?: Date | undefined;
  /** Not included. */
  to?: Date | undefined;
}

/** The audit log, newest first. */
export async function listAudit(db: Db, filter: AuditFilter, page: PageRequest): Promise<Page<WireAuditEntry>> {
  const { keyId, action, target, targetId, from, to } = filter;
  const after = readCursor(z.uuid(), page.cursor);
  const where = {
    ...(keyId !== undefined && { keyId }),
    ...(action !== undefined && { action }),
    ...(target !== undefined && { target }),
    ...(targetId !== undefined && { targetId }),
    ...((from ?? to) && { createdAt: { ...(from && { gte: from }), ...(to && { lt: to }) } }),
    // Ids begin with their time.
    ...(after !== undefined && { id: { lt: after } }),
  };
  const rows = await query(db, (client) => client.auditLog.findMany({ where, orderBy: { id: 'desc' }, take: page.limit + 1 }));
  return toPage(rows, page.limit, toWireEntry, (row) => row.id);
}

const toWireEntry = (row: AuditRow): WireAuditEntry => ({
  id: row.id,
  created_at: row.createdAt.toISOString(),
  key_id: row.keyId,
  action: row.action,
  target: row.target,
  target_id: row.targetId,
  before: row.before as WireAuditEntry['before'],
  after: row.after as WireAuditEntry['after'],
  request_id: row.requestId,
  address: row.address,
});
