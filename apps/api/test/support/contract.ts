/** The published contract as a source of calls: inputs made from the schemas of its own parameters and bodies, good, nearly good and hostile. */
import fc, { type Arbitrary } from 'fast-check';
import { openApiDocument } from '../../src/docs/openapi-document.js';

export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minItems?: number;
  maxItems?: number;
}

interface Parameter {
  in: 'path' | 'query' | 'header';
  name: string;
  required?: boolean;
  schema: Schema;
}

export interface Operation {
  name: string;
  method: string;
  path: string;
  parameters: Parameter[];
  body: Schema | null;
  scope: string | null;
}

interface RawOperation {
  parameters?: Parameter[];
  description?: string;
  security?: unknown[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

const document = JSON.parse(JSON.stringify(openApiDocument())) as {
  paths: Record<string, Record<string, RawOperation>>;
  components: { schemas: Record<string, Schema> };
};

export const OPERATIONS: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, raw]) => ({
    name: `${method} ${path}`,
    method: method.toUpperCase(),
    path,
    parameters: raw.parameters ?? [],
    body: raw.requestBody?.content['application/json']?.schema ?? null,
    scope: /with the scope `(\w+)`/.exec(raw.description ?? '')?.[1] ?? null,
  })),
);

/** What has broken parsers, validators, databases and spreadsheets before. */
const HOSTILE_TEXTS = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  '\uffff\u200b\u202e',
  '../../etc/passwd',
  "'; DROP TABLE llm_provider_configs; --",
  '{{7*7}}${7*7}',
  '__proto__',
  'constructor',
  '<script>alert(1)</script>',
  '=cmd|calc',
  'http://169.254.169.254/latest',
  'file:///etc/passwd',
  'req_01K9ZT0Q4M7C6V1B2N3D4F5G6H',
  '00000000-0000-4000-8000-000000000000',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999Z',
  '1e999',
  '-0',
  'x'.repeat(5_000),
  '𝕏'.repeat(300),
] as const;

const hostileText = fc.oneof(fc.constantFrom(...HOSTILE_TEXTS), fc.string({ unit: 'binary', maxLength: 40 }));
const hostileNumber = fc.constantFrom(-1, 0, 0.5, -0, 1e308, 5e-324, 2 ** 31, 2 ** 53, -(2 ** 63), 1e21);

const nest = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

/** Anything that is JSON, with no regard for a schema. */
const hostileValue: Arbitrary<unknown> = fc.oneof(
  hostileText,
  hostileNumber,
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    [],
    {},
    [null],
    nest(40),
    nest(200),
    { constructor: 1 },
    { toString: 1 },
    { length: -1 },
  ),
  fc.constant(Array.from({ length: 2_000 }, () => 'x')),
  fc.dictionary(hostileText, fc.constantFrom<unknown>(1, 'x', null), { maxKeys: 4, noNullPrototype: true }),
);

function resolve(schema: Schema): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (document.components.schemas[name] ?? {});
}

const textOf = (schema: Schema, known: readonly string[]): Arbitrary<unknown> => {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.format === 'date-time' || schema.format === 'date')
    return fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') })
      .map((date) => date.toISOString().slice(0, schema.format === 'date' ? 10 : undefined));
  if (schema.format === 'uuid') return fc.uuid();
  const max = Math.min(schema.maxLength ?? 30, 30);
  const made = fc.stringMatching(/^[a-z0-9-]{1,30}$/).map((text) => text.slice(0, Math.max(max, schema.minLength ?? 1)));
  // Names that are there lead behind the checks.
  return fc.oneof(made, fc.constantFrom(...known));
};

/** @returns values that fit the schema, as far as a schema tells. */
function fitting(given: Schema, known: readonly string[]): Arbitrary<unknown> {
  const schema = resolve(given);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((choice) => fitting(choice, known)));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'integer':
      return fc.integer({ min: clamp(schema.minimum, 0), max: clamp(schema.maximum, 1_000) });
    case 'number':
      return fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? 1_000, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(fitting(schema.items ?? {}, known), { minLength: schema.minItems ?? 0, maxLength: 3 });
    case 'object':
      return objectOf(schema, (field) => fitting(field, known));
    case 'string':
      return textOf(schema, known);
    default:
      return hostileValue;
  }
}

const clamp = (value: number | undefined, otherwise: number): number =>
  value === undefined ? otherwise : Math.max(-(2 ** 31), Math.min(2 ** 31, value));

const objectOf = (schema: Schema, value: (field: Schema) => Arbitrary<unknown>): Arbitrary<unknown> =>
  fc.record(Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, field]) => [name, value(field)])), {
    requiredKeys: (schema.required ?? []).filter((name) => schema.properties?.[name] !== undefined),
    noNullPrototype: true,
  });

/** @returns values that fit but for one of their fields; what is behind it is reached only while all others are right. */
function spoiledOnce(given: Schema, known: readonly string[]): Arbitrary<unknown> {
  const schema = resolve(given);
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return hostileValue;
  const field = fc.constantFrom(...fields).chain(([name, part]) => spoiledPart(part, known).map((value) => ({ [name]: value })));
  return fc.tuple(fitting(schema, known), field).map(([value, spoiledField]) => ({ ...(value as object), ...spoiledField }));
}

const spoiledPart = (part: Schema, known: readonly string[]): Arbitrary<unknown> =>
  resolve(part).properties ? spoiledOnce(part, known) : fc.oneof(hostileText, hostileValue);

/** @returns values of which many parts, and some that there are not, are anything. */
function spoiled(given: Schema, known: readonly string[]): Arbitrary<unknown> {
  const schema = resolve(given);
  if (schema.type !== 'object' || !schema.properties) return fc.oneof(fitting(schema, known), hostileValue);
  const field = (part: Schema): Arbitrary<unknown> => fc.oneof(fitting(part, known), spoiled(part, known), hostileValue);
  const surplus = fc.dictionary(hostileText, hostileValue, { maxKeys: 2, noNullPrototype: true });
  return fc.tuple(objectOf(schema, field), surplus).map(([value, more]) => ({ ...(value as object), ...more }));
}

export interface FuzzedCall {
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

const RAW_BODIES = [
  '',
  '{',
  '[]',
  'null',
  '0',
  '"x"',
  '{"__proto__":{"admin":true}}',
  '{"a":1}{"b":2}',
  '\u0000',
  '{"a":'.repeat(200),
  '[1e400]',
];

/** @param known ids and names that are there. */
export function calls(operation: Operation, known: readonly string[]): Arbitrary<FuzzedCall> {
  const { parameters, body } = operation;
  const text = fc.oneof(hostileText, fc.constantFrom(...known));
  const pathValues = parameters
    .filter((each) => each.in === 'path')
    .map(({ name }) => text.map((value) => [name, value] as const));
  const inQuery = parameters
    .filter((each) => each.in === 'query')
    .map(({ name, schema }) =>
      fc.oneof(fitting(schema, known).map(String), hostileText).map((value): [string, string] => [name, value]),
    );
  const query = inQuery.length === 0 ? fc.constant([]) : fc.array(fc.oneof(...inQuery), { maxLength: 3 });
  const headers = parameters
    .filter((each) => each.in === 'header')
    .map(({ name }) => fc.option(headerText, { nil: null }).map((value) => [name, value] as const));
  const bodies = body
    ? fc.oneof(
        { weight: 2, arbitrary: fitting(body, known).map((value) => JSON.stringify(value)) },
        { weight: 5, arbitrary: spoiledOnce(body, known).map((value) => JSON.stringify(value)) },
        { weight: 2, arbitrary: spoiled(body, known).map((value) => JSON.stringify(value)) },
        { weight: 1, arbitrary: hostileValue.map((value) => JSON.stringify(value)) },
        { weight: 1, arbitrary: fc.constantFrom(...RAW_BODIES) },
      )
    : fc.oneof(fc.constant(undefined), fc.constantFrom(...RAW_BODIES));
  return fc.tuple(fc.tuple(...pathValues), query, fc.tuple(...headers), bodies).map(([inPath, asked, inHeaders, text]) => ({
    path: withQuery(
      inPath.reduce((path, [name, value]) => path.replace(`{${name}}`, () => encode(value)), operation.path),
      asked,
    ),
    headers: Object.fromEntries(inHeaders.filter((header): header is [string, string] => header[1] !== null)),
    body: text,
  }));
}

/** What HTTP lets through in a header. */
const headerText = fc.oneof(
  fc.constantFrom('*', '"1"', 'W/"1"', '"', '1, 2', 'x'.repeat(300), '-1', '"99999999999999999999"'),
  fc.stringMatching(/^[\x21-\x7e]{1,20}$/),
);

// A path segment of nothing would be another path.
const encode = (value: string): string => encodeURIComponent(value.toWellFormed() || 'empty').replaceAll('.', '%2E');

function withQuery(path: string, query: readonly (readonly [string, string])[]): string {
  const parts = query.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`);
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`;
}
