/** The audit log, as `GET /api/v1/audit` lists it. */
import { z } from 'zod';

const shown = z.record(z.string(), z.unknown()).nullable();

export const wireAuditEntry = z.object({
  id: z.string(),
  created_at: z.iso.datetime(),
  key_id: z.string().describe("The caller's key; `system`: the gateway itself, or its operator's commands."),
  action: z.string().describe('`provider.update`: what it was done to, and what was done.'),
  target: z.string(),
  target_id: z.string(),
  before: shown.describe('The thing as it was, without secrets; null: it was not there.'),
  after: shown.describe('The thing as it was then, without secrets; null: it is gone, or nothing of it changed.'),
  request_id: z.string().nullable(),
  address: z.string().nullable().describe('Where the request came from: the other end of the socket.'),
});
export type WireAuditEntry = z.infer<typeof wireAuditEntry>;
