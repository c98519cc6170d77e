import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Router } from 'express';
import { mounts, type Mount } from '../src/app.js';
import { openApiDocument } from '../src/docs/openapi-document.js';
import { ADMIN_KEY, SERVICE_KEY, startTestApi, type TestApi } from './support/test-api.js';

const PUBLIC = [
  'get /health',
  'get /health/ready',
  'get /openapi.json',
  'get /docs',
  'get /docs/start.js',
  'get /docs/swagger-ui.css',
  'get /docs/swagger-ui-bundle.js',
  'get /docs/favicon-32x32.png',
];

interface Endpoint {
  method: string;
  path: string;
  access: Mount['access'];
}

/** Every route that is registered, whoever has registered it. */
function endpoints(all: Mount[]): Endpoint[] {
  return all.flatMap(({ path, access, router }) =>
    routesOf(router).map((route) => ({ ...route, access, path: `${path}${route.path === '/' ? '' : route.path}` })),
  );
}

/** What is no router takes one call. */
function routesOf(handler: Mount['router']): { method: string; path: string }[] {
  const router = handler as Partial<Router> & Mount['router'];
  if (!router.stack) return [{ method: 'post', path: '/' }];
  return router.stack.flatMap((layer) =>
    layer.route ? layer.route.stack.map(({ method }) => ({ method, path: layer.route?.path ?? '' })) : [],
  );
}

let api: TestApi;
let all: Endpoint[];
beforeAll(async () => {
  // Without a token /metrics is nowhere.
  api = await startTestApi({ METRICS_TOKEN: 'a-token-for-prometheus' });
  all = endpoints(mounts(api.deps));
});
afterAll(() => api.end());

const name = ({ method, path }: Endpoint): string => `${method} ${path}`;
const request = ({ method, path }: Endpoint, key: string | null) =>
  api.call(method.toUpperCase(), path.replace(':id', 'some-id'), { key, body: method === 'get' ? undefined : {} });

describe('access', () => {
  it('is public for nothing but what is meant to be', () => {
    expect(all.filter(({ access }) => access === 'public').map(name)).toEqual(expect.arrayContaining(PUBLIC));
    expect(all.filter(({ access }) => access === 'public')).toHaveLength(PUBLIC.length);
    expect(
      mounts(api.deps)
        .filter(({ access }) => access === 'own')
        .map(({ path }) => path),
    ).toEqual(['/metrics', '/admin']);
  });

  it('needs a key on every other route: none and unknown ones are 401', async () => {
    const guarded = all.filter(({ access }) => access !== 'public');
    expect(guarded.length).toBeGreaterThan(15);
    for (const endpoint of guarded) {
      for (const key of [null, '', 'unknown', `${ADMIN_KEY}x`, 'k'.repeat(5_000)]) {
        const { status, body } = await request(endpoint, key);
        expect([name(endpoint), status, body?.error?.code]).toEqual([name(endpoint), 401, 'unauthorized']);
      }
    }
  });

  it('needs the scope of the route: a service key is 403 where an admin is asked for', async () => {
    for (const endpoint of all.filter(({ access }) => access === 'admin')) {
      const { status, body } = await request(endpoint, SERVICE_KEY);
      expect([name(endpoint), status, body?.error?.code]).toEqual([name(endpoint), 403, 'forbidden']);
    }
  });

  it('lets a service key generate and read, and an admin do everything', async () => {
    for (const endpoint of all.filter(({ access }) => access === 'generate' || access === 'read')) {
      expect([401, 403]).not.toContain((await request(endpoint, SERVICE_KEY)).status);
    }
    expect((await api.call('GET', '/api/v1/providers', { key: ADMIN_KEY })).status).toBe(200);
  });

  it('takes the key as a bearer token as well', async () => {
    const headers = { authorization: `Bearer ${SERVICE_KEY}` };
    expect((await api.call('GET', '/api/v1/usage/summary', { key: null, headers })).status).toBe(200);
    expect((await api.call('GET', '/api/v1/usage/summary', { key: null, headers: { authorization: SERVICE_KEY } })).status).toBe(
      401,
    );
  });

  it('does not even say below /api which paths there are', async () => {
    expect((await api.call('GET', '/api/v1/nothing', { key: null })).status).toBe(401);
    expect((await api.call('GET', '/api/v1/nothing')).status).toBe(404);
    expect((await api.call('GET', '/API/V1/providers', { key: null })).status).toBe(401);
  });

  it('publishes every route, and publishes none that does not exist', () => {
    const published = Object.entries(openApiDocument().paths ?? {}).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    const registered = all
      .filter(({ path }) => !path.startsWith('/docs') && path !== '/openapi.json')
      .map((each) => name(each).replace(':id', '{id}'));
    expect(published.toSorted()).toEqual(registered.toSorted());
  });
});
