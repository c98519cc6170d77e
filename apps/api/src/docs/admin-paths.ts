import { parseEgressAllow } from '@llm-gateway/providers';
import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { pageOf } from '../http/paging.js';
import { etagHeader, ifMatchHeader } from '../http/preconditions.js';
import { overrideListQuery } from '../overrides/router.js';
import { overrideCreate, overridePatch, wireOverride } from '../overrides/wire.js';
import { providerHealthAnswer } from '../providers/health.js';
import { providerDeleteQuery, providerListQuery } from '../providers/router.js';
import { rotateKeyBody } from '../providers/rotate-key.js';
import { testAnswer } from '../providers/test-call.js';
import { providerCreate, providerPatch, wireProvider } from '../providers/wire.js';
import { explainAnswer, explainQuery } from '../routing/explain.js';
import { operation } from './operation.js';

/** The shape of a body does not depend on the rules; these are the strictest. */
const egress = parseEgressAllow('');
const idPath = z.object({ id: z.uuid() });
const provider = wireProvider.meta({ id: 'Provider' });
const override = wireOverride.meta({ id: 'Override' });
const providerRow = { description: 'The row.', schema: provider, headers: etagHeader } as const;
const overrideRow = { description: 'The row.', schema: override, headers: etagHeader } as const;
const admin = { scope: 'admin' } as const;

const providers = { ...admin, tag: 'Providers' };
const overrides = { ...admin, tag: 'Overrides' };

export const adminPaths: ZodOpenApiPathsObject = {
  '/api/v1/providers': {
    get: operation({
      ...providers,
      summary: 'List providers',
      query: providerListQuery,
      ok: { status: 200, description: 'By priority and name.', schema: pageOf(provider) },
    }),
    post: operation({
      ...providers,
      summary: 'Add a provider',
      description: 'In effect in every process within 2 s.',
      body: {
        schema: providerCreate(egress).meta({ id: 'ProviderCreate' }),
        example: {
          name: 'claude-main',
          type: 'claude',
          api_key: 'sk-ant-…',
          default_model: 'claude-haiku-4-5',
          priority: 10,
          rpm_limit: 1000,
        },
      },
      ok: { status: 201, ...providerRow },
      errors: ['conflict'],
    }),
  },
  '/api/v1/providers/{id}': {
    get: operation({
      ...providers,
      summary: 'Read a provider',
      path: idPath,
      ok: { status: 200, ...providerRow },
      errors: ['not_found'],
    }),
    patch: operation({
      ...providers,
      summary: 'Change a provider',
      description:
        'Fields that are not given stay; null clears. A new host wants the `api_key` again. Without `If-Match` the last write wins. ' +
        'An `api_key` given here replaces the old one at once and untested: see `rotate-key`.',
      path: idPath,
      headers: ifMatchHeader,
      body: { schema: providerPatch(egress).meta({ id: 'ProviderPatch' }), example: { rpm_limit: 500 } },
      ok: { status: 200, ...providerRow },
      errors: ['not_found', 'conflict', 'precondition_failed'],
    }),
    delete: operation({
      ...providers,
      summary: 'Remove a provider',
      description: 'Refused while overrides point at it, unless forced. Its waiting jobs move on to their next candidate.',
      path: idPath,
      query: providerDeleteQuery,
      headers: ifMatchHeader,
      ok: { status: 204, description: 'Gone.' },
      errors: ['not_found', 'conflict', 'precondition_failed'],
    }),
  },
  '/api/v1/providers/{id}/rotate-key': {
    post: operation({
      ...providers,
      summary: 'Give a provider a new key',
      description:
        'The new key is tried with a real call of one token; only if the vendor answers does it take over. Until the grace is over, a call ' +
        'whose new key is refused (401, 403) is made again with the old one, as an attempt of its own. Then the old key is deleted.',
      path: idPath,
      headers: ifMatchHeader,
      body: { schema: rotateKeyBody.meta({ id: 'KeyRotation' }), example: { api_key: 'sk-…', grace_seconds: 3_600 } },
      ok: { status: 200, ...providerRow },
      errors: ['not_found', 'precondition_failed', 'provider_error'],
    }),
  },
  '/api/v1/providers/{id}/test': {
    post: operation({
      ...providers,
      summary: 'Call a provider for one token',
      path: idPath,
      ok: {
        status: 200,
        description: 'What came of it, be it a failure.',
        schema: testAnswer,
        example: { ok: true, latency_ms: 412, model: 'claude-haiku-4-5' },
      },
      errors: ['not_found'],
    }),
  },
  '/api/v1/providers/{id}/health': {
    get: operation({
      ...providers,
      summary: 'How a provider does',
      path: idPath,
      ok: { status: 200, description: 'Its lane and its recent requests.', schema: providerHealthAnswer },
      errors: ['not_found'],
    }),
  },
  '/api/v1/overrides': {
    get: operation({
      ...overrides,
      summary: 'List overrides',
      query: overrideListQuery,
      ok: { status: 200, description: 'A page of overrides.', schema: pageOf(override) },
    }),
    post: operation({
      ...overrides,
      summary: 'Send a customer or a service to a provider',
      body: {
        schema: overrideCreate.meta({ id: 'OverrideCreate' }),
        example: { customer_id: 'acme', service: null, provider: 'openai-main', model: 'gpt-4o-mini' },
      },
      ok: { status: 201, ...overrideRow },
      errors: ['conflict'],
    }),
  },
  '/api/v1/overrides/{id}': {
    get: operation({
      ...overrides,
      summary: 'Read an override',
      path: idPath,
      ok: { status: 200, ...overrideRow },
      errors: ['not_found'],
    }),
    patch: operation({
      ...overrides,
      summary: 'Change an override',
      path: idPath,
      headers: ifMatchHeader,
      body: { schema: overridePatch.meta({ id: 'OverridePatch' }), example: { enabled: false } },
      ok: { status: 200, ...overrideRow },
      errors: ['not_found', 'conflict', 'precondition_failed'],
    }),
    delete: operation({
      ...overrides,
      summary: 'Remove an override',
      path: idPath,
      headers: ifMatchHeader,
      ok: { status: 204, description: 'Gone.' },
      errors: ['not_found', 'precondition_failed'],
    }),
  },
  '/api/v1/routes/explain': {
    get: operation({
      ...admin,
      tag: 'Overrides',
      summary: 'Where a request would go, and why',
      query: explainQuery,
      ok: { status: 200, description: 'The candidates in order, and a verdict on each provider.', schema: explainAnswer },
    }),
  },
};
