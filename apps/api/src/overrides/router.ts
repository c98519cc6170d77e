import { createOverride, deleteOverride, getOverride, listOverrides, updateOverride } from '@llm-gateway/db';
import { Router } from 'express';
import { z } from 'zod';
import { actingFor } from '../auth/acting-for.js';
import type { Deps } from '../deps.js';
import { pageQuery } from '../http/paging.js';
import { parse } from '../http/parse.js';
import { changeRow, sendRow } from '../http/preconditions.js';
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
    sendRow(res.status(201).location(`/api/v1/overrides/${row.id}`), row, toWireOverride(row));
  });

  router.get('/:id', async (req, res) => {
    const row = await getOverride(db, req.params.id);
    sendRow(res, row, toWireOverride(row));
  });

  router.patch('/:id', async (req, res) => {
    const patch = toOverridePatch(parse(overridePatch, req.body));
    const row = await changeRow(req, res, {
      read: () => getOverride(db, req.params.id),
      change: ({ id, version }) => updateOverride(actingFor(db, res), id, { ...patch, ifVersion: version }),
      show: toWireOverride,
    });
    await config.changed();
    sendRow(res, row, toWireOverride(row));
  });

  router.delete('/:id', async (req, res) => {
    await changeRow(req, res, {
      read: () => getOverride(db, req.params.id),
      change: ({ id, version }) => deleteOverride(actingFor(db, res), id, { ifVersion: version }),
      show: toWireOverride,
    });
    await config.changed();
    res.status(204).end();
  });

  return router;
}
