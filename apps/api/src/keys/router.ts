import { createServiceKey, deleteServiceKey, listServiceKeys, rotateServiceKey } from '@llm-gateway/db';
import { GatewayError } from '@llm-gateway/shared';
import { Router } from 'express';
import { z } from 'zod';
import { actingFor } from '../auth/acting-for.js';
import { callerOf, type Caller } from '../auth/caller.js';
import type { Deps } from '../deps.js';
import { pageQuery } from '../http/paging.js';
import { parse } from '../http/parse.js';
import { keyCreate, keyRotate, toKeyInput, toWireKey } from './wire.js';

export const keyListQuery = z.strictObject(pageQuery);

/** `/api/v1/keys`. A key is shown by the answer that makes it, and by none after. */
export function keysRouter({ db, config, encryptionKeys }: Pick<Deps, 'db' | 'config' | 'encryptionKeys'>): Router {
  const router = Router();

  router.get('/', async (req, res) => {
    const page = await listServiceKeys(db, parse(keyListQuery, req.query));
    res.json({ data: page.data.map(toWireKey), next_cursor: page.nextCursor });
  });

  router.post('/', async (req, res) => {
    const input = toKeyInput(parse(keyCreate, req.body));
    mayGrant(callerOf(res), input.scopes);
    const { row, key } = await createServiceKey(actingFor(db, res), encryptionKeys, input);
    await config.changed();
    res
      .set('Cache-Control', 'no-store')
      .status(201)
      .json({ ...toWireKey(row), key });
  });

  router.post('/:id/rotate', async (req, res) => {
    const graceMs = parse(keyRotate, req.body ?? {}).grace_seconds * 1_000;
    const caller = callerOf(res);
    // Who gets a key's new secret gets what it may do.
    const check = ({ scopes }: { scopes: readonly string[] }) => mayGrant(caller, scopes);
    const { row, key } = await rotateServiceKey(actingFor(db, res), encryptionKeys, req.params.id, { graceMs, check });
    await config.changed();
    res.set('Cache-Control', 'no-store').json({ ...toWireKey(row), key });
  });

  router.delete('/:id', async (req, res) => {
    await deleteServiceKey(actingFor(db, res), req.params.id);
    await config.changed();
    res.status(204).end();
  });

  return router;
}

/** @throws GatewayError forbidden: nobody makes a key that may do more than their own. */
function mayGrant({ scopes }: Caller, granted: readonly string[]): void {
  const missing = granted.filter((scope) => !(scopes as ReadonlySet<string>).has(scope));
  if (missing.length > 0) throw new GatewayError('forbidden', `your key does not have the scope ${missing.join(', ')} to grant`);
}
