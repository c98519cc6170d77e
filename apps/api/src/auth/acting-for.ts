import { actingAs, type ActingDb, type Db } from '@llm-gateway/db';
import type { Response } from 'express';
import { requestIdOf } from '../http/request-id.js';
import { callerOf } from './caller.js';

/** @returns the database in the hands of whoever makes this call: what is changed through it stands in the audit log under their key. */
export function actingFor(db: Db, res: Response): ActingDb {
  // The socket's address and no header: `trust proxy` is off, and a header says what its sender likes.
  const address = res.req.socket.remoteAddress ?? null;
  return actingAs(db, { keyId: callerOf(res).keyId, requestId: requestIdOf(res), address });
}
