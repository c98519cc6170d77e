import { createOverride, deleteOverride, getOverride, listOverrides, updateOverride } from '@llm-gateway/db';
import { Router } from 'express';
import { z } from 'zod';
import { actingFor } from '../auth/acting-for.js';
import type { Deps } from '../deps.js';
import { pageQuery } from '../http/paging.js';
import { parse } from '../http/parse.js';
import { overrideCreate, overridePatch, toOverrideInput, toOverridePatch, toWireOverride } from './wire.js';

export const overrideListQuery = z.strictObject(pageQuery);

/** `/api/v1/overrides`. */
export function overridesRouter({ db, config }: Pick<Deps, 'db' | 'config'>): Router {
  const router = Router();

  router.get('/', async (req, res) => {
    const page = await listOverrides(db, parse(overrideListQuery, req.query));
    res.json({ data: page.data.map(toWireOverride), next_cursor: page.nextCursor });
  });

  router.post('/', async (req, res) => {
    const row = await createOverride(actingFor(db, res), toOverrideInput(parse(overrideCreate, req.body)));
    await config.changed();
    res.status(201).location(`/api/v1/overrides/${row.id}`).json(toWireOverride(row));
  });

  router.get('/:id', async (req, res) => {
    res.json(toWireOverride(await getOverride(db, req.params.id)));
  });

  router.patch('/:id', async (req, res) => {
    const row = await updateOverride(actingFor(db, res), req.params.id, toOverridePatch(parse(overridePatch, req.body)));
    await config.changed();
    res.json(toWireOverride(row));
  });

  router.delete('/:id', async (req, res) => {
    await deleteOverride(actingFor(db, res), req.params.id);
    await config.changed();
    res.status(204).end();
  });

  return router;
}
