import { createBudget, deleteBudget, getBudget, listBudgets, updateBudget, type StoredBudget } from '@llm-gateway/db';
import { Router } from 'express';
import { z } from 'zod';
import { actingFor } from '../auth/acting-for.js';
import type { Deps } from '../deps.js';
import { pageQuery } from '../http/paging.js';
import { parse } from '../http/parse.js';
import { budgetCreate, budgetPatch, toBudgetInput, toBudgetPatch, toWireBudget } from './wire.js';

export const budgetListQuery = z.strictObject(pageQuery);

/** `/api/v1/budgets`. */
export function budgetsRouter({ db, config, egress, budgets }: Pick<Deps, 'db' | 'config' | 'egress' | 'budgets'>): Router {
  const router = Router();
  const bodies = { create: budgetCreate(egress), patch: budgetPatch(egress) };

  async function read(rows: StoredBudget[]) {
    const at = Date.now();
    const standings = await budgets.standings(rows, at);
    return rows.flatMap((row, index) => {
      const standing = standings[index];
      return standing ? [toWireBudget(row, standing, at)] : [];
    });
  }

  router.get('/', async (req, res) => {
    const page = await listBudgets(db, parse(budgetListQuery, req.query));
    res.json({ data: await read(page.data), next_cursor: page.nextCursor });
  });

  router.post('/', async (req, res) => {
    const row = await createBudget(actingFor(db, res), toBudgetInput(parse(bodies.create, req.body)));
    await config.changed();
    const [body] = await read([row]);
    res.status(201).location(`/api/v1/budgets/${row.id}`).json(body);
  });

  router.get('/:id', async (req, res) => {
    const [body] = await read([await getBudget(db, req.params.id)]);
    res.json(body);
  });

  router.patch('/:id', async (req, res) => {
    const row = await updateBudget(actingFor(db, res), req.params.id, toBudgetPatch(parse(bodies.patch, req.body)));
    await config.changed();
    const [body] = await read([row]);
    res.json(body);
  });

  router.delete('/:id', async (req, res) => {
    await deleteBudget(actingFor(db, res), req.params.id);
    await config.changed();
    res.status(204).end();
  });

  return router;
}
