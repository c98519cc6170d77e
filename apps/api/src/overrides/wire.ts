/** Overrides as callers write and read them. */
import type { OverrideInput } from '@llm-gateway/db';
import { wireName, type CustomerOverride } from '@llm-gateway/shared';
import { z } from 'zod';

const fields = {
  customer_id: wireName(128).nullable().describe('null: every customer.'),
  service: wireName(64).nullable().describe('null: every service. Not both null.'),
  provider: wireName(40).describe('The name of a provider.'),
  model: wireName(200).nullable().describe('null: the default model of the provider.'),
  enabled: z.boolean(),
};

/** The body of `POST /api/v1/overrides`. */
export const overrideCreate = z
  .strictObject({ ...z.object(fields).partial().shape, provider: fields.provider })
  .refine(({ customer_id, service }) => (customer_id ?? null) !== null || (service ?? null) !== null, {
    path: ['customer_id'],
    message: 'customer_id and service must not both be null',
  });

/** The body of `PATCH /api/v1/overrides/{id}`: fields that are not given stay as they are. */
export const overridePatch = z.strictObject(fields).partial();
export type OverridePatch = z.output<typeof overridePatch>;

export const toOverrideInput = (body: z.output<typeof overrideCreate>): OverrideInput => ({
  customerId: body.customer_id ?? null,
  service: body.service ?? null,
  provider: body.provider,
  model: body.model ?? null,
  enabled: body.enabled ?? true,
});

/** @returns only what the body gives: null clears, absent stays. */
export const toOverridePatch = (body: OverridePatch): Partial<OverrideInput> => ({
  ...(body.customer_id === undefined ? {} : { customerId: body.customer_id }),
  ...(body.service === undefined ? {} : { service: body.service }),
  ...(body.provider === undefined ? {} : { provider: body.provider }),
  ...(body.model === undefined ? {} : { model: body.model }),
  ...(body.enabled === undefined ? {} : { enabled: body.enabled }),
});

export const wireOverride = z.object({
  id: z.string(),
  customer_id: z.string().nullable(),
  service: z.string().nullable(),
  provider: z.string(),
  model: z.string().nullable(),
  enabled: z.boolean(),
  version: z.int().describe('Grows with every change; in quotes it is the `ETag`.'),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

export const toWireOverride = (row: CustomerOverride): z.infer<typeof wireOverride> => ({
  id: row.id,
  customer_id: row.customerId,
  service: row.service,
  provider: row.provider,
  model: row.model,
  enabled: row.enabled,
  version: row.version,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
});
