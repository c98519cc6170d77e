import { parseEgressAllow } from '@llm-gateway/providers';
import { wireAlert } from '@llm-gateway/shared';
import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { alertListQuery } from '../alerts/router.js';
import { budgetListQuery } from '../budgets/router.js';
import { budgetCreate, budgetPatch, wireBudget } from '../budgets/wire.js';
import { pageOf } from '../http/paging.js';
import { operation } from './operation.js';

/** The shape of a body does not depend on the rules; these are the strictest. */
const egress = parseEgressAllow('');
const idPath = z.object({ id: z.uuid() });
const budget = wireBudget.meta({ id: 'Budget' });
const budgets = { scope: 'admin', tag: 'Budgets' } as const;

export const budgetPaths: ZodOpenApiPathsObject = {
  '/api/v1/budgets': {
    get: operation({
      ...budgets,
      summary: 'List budgets',
      query: budgetListQuery,
      ok: { status: 200, description: 'Oldest first, with what is spent and reserved now.', schema: pageOf(budget) },
    }),
    post: operation({
      ...budgets,
      summary: 'Limit what may be spent',
      description: 'In effect in every process within 2 s; what the window has cost so far counts.',
      body: {
        schema: budgetCreate(egress).meta({ id: 'BudgetCreate' }),
        example: { scope: 'customer', customer_id: 'acme', window: 'day', soft_limit_usd: 8, hard_limit_usd: 10 },
      },
      ok: { status: 201, description: 'The row.', schema: budget },
      errors: ['conflict'],
    }),
  },
  '/api/v1/budgets/{id}': {
    get: operation({
      ...budgets,
      summary: 'Read a budget',
      path: idPath,
      ok: { status: 200, description: 'The row.', schema: budget },
      errors: ['not_found'],
    }),
    patch: operation({
      ...budgets,
      summary: 'Change a budget',
      description: 'Fields that are not given stay; null clears. Scope and window do not change: that is another budget.',
      path: idPath,
      body: { schema: budgetPatch(egress).meta({ id: 'BudgetPatch' }), example: { hard_limit_usd: 20 } },
      ok: { status: 200, description: 'The row.', schema: budget },
      errors: ['not_found'],
    }),
    delete: operation({
      ...budgets,
      summary: 'Remove a budget',
      description: 'Its alerts stay listed; those that are not delivered yet are delivered no more.',
      path: idPath,
      ok: { status: 204, description: 'Gone.' },
      errors: ['not_found'],
    }),
  },
  '/api/v1/alerts': {
    get: operation({
      ...budgets,
      summary: 'List budget alerts',
      query: alertListQuery,
      ok: {
        status: 200,
        description: 'Newest first, with how far their delivery has come.',
        schema: pageOf(wireAlert.meta({ id: 'Alert' })),
      },
    }),
  },
};
