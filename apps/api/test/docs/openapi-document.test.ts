import { describe, expect, it } from '@jest/globals';
import { openApiDocument } from '../../src/docs/openapi-document.js';

interface Operation {
  summary?: string;
  security?: unknown[];
  parameters?: { name: string; schema: Record<string, unknown> }[];
  responses: Record<string, { content?: Record<string, { schema: Record<string, unknown> }> }>;
}

const document = JSON.parse(JSON.stringify(openApiDocument())) as {
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, { required?: string[]; properties?: Record<string, unknown>; additionalProperties?: unknown }>;
  };
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
);

describe('the published contract', () => {
  it.each(operations)(
    'says of %s what it answers, and which errors in the one shape of errors',
    (_name, { summary, responses }) => {
      expect(summary).toMatch(/./);
      const errors = Object.entries(responses).filter(([status]) => Number(status) >= 400 && status !== '503');
      expect(errors.length).toBeGreaterThan(0);
      for (const [, { content }] of errors)
        expect(content?.['application/json']?.schema).toEqual({ $ref: '#/components/schemas/Error' });
      expect(Object.keys(responses).some((status) => Number(status) < 300)).toBe(true);
    },
  );

  it('asks for a key everywhere but for health', () => {
    const open = operations.filter(([, { security }]) => security?.length === 0).map(([name]) => name);
    expect(open).toEqual(['get /health', 'get /health/ready']);
  });

  it('says of /metrics that it wants a token of its own, in which format it answers, and that it may not be there', () => {
    const { security, responses } = document.paths['/metrics']?.['get'] ?? {};
    expect(security).toEqual([{ metricsToken: [] }]);
    expect(Object.keys(responses ?? {})).toEqual(['200', '401', '404', '500']);
    expect(Object.keys(responses?.['200']?.content ?? {})).toEqual(['text/plain; version=0.0.4; charset=utf-8']);
  });

  it('publishes the request as the server takes it: optional what has a default, and nothing unknown', () => {
    const request = document.components.schemas['GenerateRequest'];
    expect(request?.required ?? []).toEqual([]);
    expect(request?.additionalProperties).toBe(false);
    expect(Object.keys(request?.properties ?? {})).toEqual(
      expect.arrayContaining(['service', 'prompt', 'messages', 'response_format', 'timeout_ms']),
    );
  });

  it('never publishes an api_key as something that is read', () => {
    expect(Object.keys(document.components.schemas['Provider']?.properties ?? {})).not.toContain('api_key');
    expect(document.components.schemas['ProviderCreate']?.properties?.['api_key']).toMatchObject({ writeOnly: true });
  });

  it('shows a limit as the number that it is', () => {
    const limit = document.paths['/api/v1/providers']?.['get']?.parameters?.find(({ name }) => name === 'limit');
    expect(limit?.schema).toMatchObject({ type: 'integer', minimum: 1, maximum: 1_000, default: 50 });
    expect(limit?.schema).not.toHaveProperty('pattern');
  });
});
