import { createProvider, deleteProvider, getProvider, listProviders, updateProvider } from '@llm-gateway/db';
import { Router } from 'express';
import { z } from 'zod';
import { actingFor } from '../auth/acting-for.js';
import type { Deps } from '../deps.js';
import { pageQuery } from '../http/paging.js';
import { parse } from '../http/parse.js';
import { changeRow, sendRow } from '../http/preconditions.js';
import { checkPatch } from './changes.js';
import { providerHealth } from './health.js';
import { rotateKey, rotateKeyBody } from './rotate-key.js';
import { testProvider } from './test-call.js';
import { providerCreate, providerPatch, toProviderInput, toProviderPatch, toWireProvider } from './wire.js';

export const providerListQuery = z.strictObject(pageQuery);
export const providerDeleteQuery = z.strictObject({
  force: z
    .stringbool()
    .prefault('false')
    .meta({ override: { type: 'boolean', default: false } })
    .describe('Removes the overrides that point at it along with it.'),
});

/** `/api/v1/providers`. A change is loaded by every process before or within 2 s of its answer. */
export function providersRouter(deps: Deps): Router {
  const { db, config, egress, encryptionKeys } = deps;
  const createBody = providerCreate(egress);
  const patchBody = providerPatch(egress);
  const router = Router();

  router.get('/', async (req, res) => {
    const page = await listProviders(db, parse(providerListQuery, req.query));
    res.json({ data: page.data.map(toWireProvider), next_cursor: page.nextCursor });
  });

  router.post('/', async (req, res) => {
    const row = await createProvider(actingFor(db, res), encryptionKeys, toProviderInput(parse(createBody, req.body)));
    await config.changed();
    sendRow(res.status(201).location(`/api/v1/providers/${row.id}`), row, toWireProvider(row));
  });

  router.get('/:id', async (req, res) => {
    const row = await getProvider(db, req.params.id);
    sendRow(res, row, toWireProvider(row));
  });

  router.patch('/:id', async (req, res) => {
    const patch = parse(patchBody, req.body);
    const changed = await changeRow(req, res, {
      read: () => getProvider(db, req.params.id),
      change: async (row) => {
        // The check holds for the row that was read, so only that row may be changed.
        checkPatch(row, patch);
        return updateProvider(actingFor(db, res), encryptionKeys, row.id, { ...toProviderPatch(patch), ifVersion: row.version });
      },
      show: toWireProvider,
    });
    await config.changed();
    sendRow(res, changed, toWireProvider(changed));
  });

  router.delete('/:id', async (req, res) => {
    const { force } = parse(providerDeleteQuery, req.query);
    await changeRow(req, res, {
      read: () => getProvider(db, req.params.id),
      change: ({ id, version }) => deleteProvider(actingFor(db, res), id, { ifVersion: version, force }),
      show: toWireProvider,
    });
    await config.changed();
    res.status(204).end();
  });

  router.post('/:id/rotate-key', async (req, res) => {
    const body = parse(rotateKeyBody, req.body);
    const row = await changeRow(req, res, {
      read: () => getProvider(db, req.params.id),
      change: (before) => rotateKey(deps, actingFor(db, res), before, body),
      show: toWireProvider,
    });
    await config.changed();
    sendRow(res, row, toWireProvider(row));
  });

  router.post('/:id/test', async (req, res) => {
    res.json(await testProvider(deps, await getProvider(db, req.params.id)));
  });

  router.get('/:id/health', async (req, res) => {
    res.json(await providerHealth(deps, await getProvider(db, req.params.id)));
  });

  return router;
}
