/** One route of the contract, told in the few words in which routes differ. */
import { ERROR_CODES, type ErrorCode, type Scope } from '@llm-gateway/shared';
import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiResponsesObject } from 'zod-openapi';

export const errorAnswer = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
      request_id: z.string(),
      details: z.array(z.object({ path: z.string(), message: z.string() })),
      current: z.looseObject({}).optional().describe('With 412: the row as it is now.'),
    }),
  })
  .meta({
    id: 'Error',
    examples: [
      {
        error: {
          code: 'invalid_request',
          message: 'messages.0.role: is required',
          request_id: 'req_01K9ZT0Q4M7C6V1B2N3D4F5G6H',
          details: [{ path: 'messages.0.role', message: 'is required' }],
        },
      },
    ],
  });

export interface Route {
  tag: string;
  summary: string;
  description?: string;
  /** null: no key is needed. */
  scope: Scope | null;
  /** What it asks for in the place of a key: the name of a security scheme. */
  own?: string;
  path?: z.ZodObject;
  query?: z.ZodObject;
  headers?: z.ZodObject;
  body?: { schema: z.ZodType; example: unknown; optional?: boolean };
  /** No schema: an empty answer. */
  ok: {
    status: 200 | 201 | 202 | 204;
    description: string;
    schema?: z.ZodType;
    example?: unknown;
    headers?: z.ZodObject;
    /** Text types that it is answered in as well, or without a schema only. */
    text?: readonly string[];
  };
  /** Other answers than an error of the contract. */
  also?: ZodOpenApiResponsesObject;
  errors?: ErrorCode[];
}

const ALWAYS: readonly ErrorCode[] = ['internal'];
const WITH_KEY: readonly ErrorCode[] = ['unauthorized', 'forbidden', 'unavailable'];
const WITH_BODY: readonly ErrorCode[] = ['invalid_request', 'payload_too_large'];

export function operation(route: Route): ZodOpenApiOperationObject {
  const { tag, summary, description, scope, path, query, headers, body, ok } = route;
  return {
    tags: [tag],
    summary,
    description: [description, scope && `Needs a key with the scope \`${scope}\`.`].filter(Boolean).join('\n\n'),
    security: securityOf(route),
    requestParams: { ...(path && { path }), ...(query && { query }), ...(headers && { header: headers }) },
    ...(body && {
      requestBody: { required: !body.optional, content: { 'application/json': { schema: body.schema, example: body.example } } },
    }),
    responses: { [String(ok.status)]: answer(ok), ...errorAnswers(codesOf(route)), ...route.also },
  };
}

function securityOf({ scope, own }: Route): Record<string, never[]>[] {
  if (own !== undefined) return [{ [own]: [] }];
  return scope === null ? [] : [{ serviceKey: [] }, { bearer: [] }];
}

const answer = ({ description, schema, example, headers, text = [] }: Route['ok']) => ({
  description,
  ...(headers && { headers }),
  ...((schema !== undefined || text.length > 0) && {
    content: {
      ...(schema && { 'application/json': { schema, ...(example !== undefined && { example }) } }),
      ...Object.fromEntries(text.map((type) => [type, { schema: { type: 'string' as const } }])),
    },
  }),
});

function codesOf({ scope, body, query, errors = [] }: Route): ErrorCode[] {
  const codes = [
    ...(scope ? WITH_KEY : []),
    ...(body ? WITH_BODY : []),
    ...(query ? (['invalid_request'] as const) : []),
    ...errors,
    ...ALWAYS,
  ];
  return [...new Set(codes)];
}

/** One answer a status, saying which codes come with it. */
function errorAnswers(codes: readonly ErrorCode[]): Record<string, unknown> {
  const statuses = [...new Set(codes.map((code) => ERROR_CODES[code].status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const names = codes.filter((code) => ERROR_CODES[code].status === status).map((code) => `\`${code}\``);
      return [String(status), { description: names.join(' or '), content: { 'application/json': { schema: errorAnswer } } }];
    }),
  );
}
