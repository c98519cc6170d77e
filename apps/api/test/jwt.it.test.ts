import { createHmac, createPublicKey } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import { Browser } from './support/browser.js';
import { eventually } from './support/eventually.js';
import { startTestApi, type Replica, type TestApi } from './support/test-api.js';

const ISSUER = 'https://login.example.com/';
const AUDIENCE = 'llm-gateway';
const setup = { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE };

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let pair: Pair;
let foreign: Pair;
let api: TestApi;
let server: Server;
/** What the key server answers; null: it hangs up. */
let published: string | null;
let fetches = 0;

beforeAll(async () => {
  [pair, foreign] = (await Promise.all([0, 1].map(() => generateKeyPair('RS256', { extractable: true })))) as [Pair, Pair];
  published = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'first', alg: 'RS256', use: 'sig' }] });
  server = createServer((req, res) => {
    fetches++;
    if (published === null) req.socket.destroy();
    else res.end(published);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  api = await startTestApi({ ...setup, JWT_JWKS_URL: jwksUrl() });
});
afterAll(async () => {
  await api.end();
  await new Promise((resolve) => server.close(resolve));
});
const jwksUrl = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;

/** Of clocks that differ, as in auth/jwt/tokens.ts. */
const CLOCK_TOLERANCE_SECONDS = 5;

const now = () => Math.floor(Date.now() / 1_000);
const sound = (): JWTPayload => ({ iss: ISSUER, aud: AUDIENCE, sub: 'alice', exp: now() + 60, scope: 'generate read' });
const sign = (claims: JWTPayload = sound(), header: object = {}, key = pair.privateKey, options = {}) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'first', ...header }).sign(key, options);
const bearer = (token: string, path = '/api/v1/usage/summary', at: Replica = api) =>
  at.call('GET', path, { key: null, headers: { authorization: `Bearer ${token}` } });
const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a token', () => {
  it('lets its bearer do what its scopes say, and no more', async () => {
    const token = await sign();
    expect((await bearer(token)).status).toBe(200);
    expect((await bearer(token, '/api/v1/jobs/none')).status).toBe(404);
    expect((await bearer(token, '/api/v1/keys')).status).toBe(403);
    expect((await bearer(await sign({ ...sound(), scope: 'admin' }), '/api/v1/keys')).status).toBe(200);
    expect((await bearer(await sign({ ...sound(), scope: ['read'] }))).status).toBe(200);
  });

  it.each([
    ['no scopes', { scope: undefined }],
    ['scopes that there are not', { scope: 'everything superuser' }],
    ['scopes that are no text', { scope: { admin: true } }],
    ['a scope within another word', { scope: 'readers' }],
  ])('with %s may do nothing', async (_what, claims) => {
    expect((await bearer(await sign({ ...sound(), ...claims }))).status).toBe(403);
  });

  it('is bound to its service and its customer, and then never an administrator', async () => {
    const token = await sign({ ...sound(), scope: 'generate read admin', service: 'billing', customer_id: 'acme' });
    expect((await bearer(token, '/api/v1/keys')).status).toBe(403);
    expect((await bearer(token, '/api/v1/usage/logs?service=other')).status).toBe(403);
    expect((await bearer(token, '/api/v1/usage/logs?customer_id=other')).status).toBe(403);
    expect((await bearer(token, '/api/v1/usage/logs?service=billing&customer_id=acme')).status).toBe(200);
    const asked = await api.call('POST', '/api/v1/generate', {
      key: null,
      headers: { authorization: `Bearer ${token}` },
      body: { customer_id: 'other', prompt: 'x' },
    });
    expect(asked.status).toBe(403);
    expect((await bearer(await sign({ ...sound(), service: 7 }))).status).toBe(401);
  });

  it('is named in the audit log by its subject', async () => {
    const headers = { authorization: `Bearer ${await sign({ ...sound(), scope: 'admin read' })}` };
    const made = await api.call('POST', '/api/v1/keys', { key: null, headers, body: { name: 'by-alice', scopes: ['read'] } });
    expect(made.status).toBe(201);
    const up = await api.call('POST', '/api/v1/keys', { key: null, headers, body: { name: 'up', scopes: ['generate'] } });
    expect(up.status).toBe(403);
    const { body } = await api.call('GET', `/api/v1/audit?target=key&target_id=${made.body.id}`);
    expect(body.data).toEqual([expect.objectContaining({ key_id: 'jwt:alice', action: 'key.create' })]);
  });
});

describe('signing in to the pages for administrators with a token', () => {
  const admin = (claims: JWTPayload = {}) => sign({ ...sound(), scope: 'admin', ...claims });

  it('opens them on every replica, on record under its subject, and ends with the token', async () => {
    const other = await api.replica();
    const browser = new Browser(api.url);
    expect((await browser.signIn(await admin({ exp: now() + 8 - CLOCK_TOLERANCE_SECONDS }))).status).toBe(303);
    for (const at of [browser, browser.at(other.url)]) expect((await at.get('/admin')).text).toContain('Signed in as jwt:alice');
    const { body } = await api.call('GET', '/api/v1/audit?action=admin.login&key_id=jwt:alice');
    expect(body.data).toMatchObject([{ target: 'admin_session', target_id: 'jwt:alice' }]);
    for (const at of [browser, browser.at(other.url)])
      await eventually(() => at.get('/admin'), ({ status }) => status === 303, 15_000); // prettier-ignore
  });

  it.each<[string, number, JWTPayload]>([
    ['without the scope', 403, { scope: 'generate read' }],
    ['that is bound to a service', 403, { service: 'billing' }],
    ['that is bound to a customer', 403, { customer_id: 'acme' }],
    ['for another audience', 401, { aud: 'another-service' }],
    ['that has expired', 401, { exp: now() - 30 }],
  ])('is refused to one %s', async (_what, status, claims) => {
    const browser = new Browser(api.url);
    const token = await admin(claims);
    const answer = await browser.signIn(token);
    expect([answer.status, browser.cookies.has('lgw_admin')]).toEqual([status, false]);
    expect(answer.text).not.toContain(token.slice(-40));
  });
});

describe('refused with 401 is a token', () => {
  const withClaims = (claims: JWTPayload) => () => sign({ ...sound(), ...claims });
  const forged = async (alg: string, secret: (spki: string) => string | Buffer): Promise<string> => {
    const input = `${base64({ alg, typ: 'JWT', kid: 'first' })}.${base64({ ...sound(), scope: 'admin' })}`;
    const digest = createHmac('sha256', secret(await exportSPKI(pair.publicKey)))
      .update(input)
      .digest('base64url');
    return `${input}.${digest}`;
  };
  it.each<[string, () => string | Promise<string>]>([
    ['without a signature (alg none)', () => `${base64({ alg: 'none', typ: 'JWT' })}.${base64(sound())}.`],
    ['of "None" in other letters', () => `${base64({ alg: 'NoNe' })}.${base64(sound())}.`],
    ['signed with the public key as a shared secret', () => forged('HS256', (spki) => spki)],
    ['signed with the public key without its line end', () => forged('HS256', (spki) => spki.trim())],
    [
      'signed with the DER of the public key',
      () => forged('HS256', (spki) => createPublicKey(spki).export({ type: 'spki', format: 'der' })),
    ],
    ['that says RS256 over a shared secret', () => forged('RS256', (spki) => spki)],
    ['of another issuer', withClaims({ iss: 'https://evil.example.com/' })],
    ['for another audience', withClaims({ aud: 'another-service' })],
    ['for nobody', withClaims({ aud: undefined })],
    ['of no issuer', withClaims({ iss: undefined })],
    ['of no subject', withClaims({ sub: undefined })],
    ['without an end', withClaims({ exp: undefined })],
    ['that has expired', () => sign({ ...sound(), exp: now() - 30 })],
    ['that is not valid yet', () => sign({ ...sound(), nbf: now() + 60 })],
    ['of a foreign key under a known name', () => sign(sound(), {}, foreign.privateKey)],
    ['that brings its key along', async () => sign(sound(), { jwk: await exportJWK(foreign.publicKey) }, foreign.privateKey)],
    ['that says where its key is', () => sign(sound(), { jku: jwksUrl() })],
    ['with certificates of its own', () => sign(sound(), { x5u: 'https://evil.example.com/', x5c: ['x'] })],
    ['of another type', () => sign(sound(), { typ: 'logout+jwt' })],
    [
      'with a demand that nobody here knows',
      () => sign(sound(), { crit: ['x-new'], 'x-new': 1 }, pair.privateKey, { crit: { 'x-new': true } }),
    ],
    [
      'whose claims were changed',
      async () => {
        const [head, , signature] = (await sign()).split('.');
        return `${head}.${base64({ ...sound(), scope: 'admin' })}.${signature}`;
      },
    ],
    ['that is garbage', () => 'a.b.c'],
    ['of kilobytes', () => sign({ ...sound(), padding: 'x'.repeat(9_000) })],
  ])('%s', async (_what, make) => {
    const { status, body, headers } = await bearer(await make());
    expect([status, body?.error?.code]).toEqual([401, 'unauthorized']);
    expect(headers.get('www-authenticate')).toBe('Bearer');
  });
});

describe('the key server', () => {
  it('may be away once its keys are known; before that nobody is told that a token is bad', async () => {
    const fresh = await api.replica();
    const token = await sign();
    expect((await bearer(token, undefined, fresh)).status).toBe(200);
    const good = published;
    published = null;
    try {
      expect((await bearer(token, undefined, fresh)).status).toBe(200);
      const blind = await api.replica();
      const answers = [];
      const before = fetches;
      for (let n = 0; n < 10; n++) answers.push(await bearer(token, undefined, blind));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503));
      expect(answers[0]?.headers.has('retry-after')).toBe(true);
      // Callers are no way to keep it busy.
      expect(fetches - before).toBeLessThanOrEqual(2);
      expect((await blind.call('GET', '/api/v1/usage/summary')).status).toBe(200);
    } finally {
      published = good;
    }
  });

  it('must stand where calls may go', async () => {
    const guarded = await api.replica({ EGRESS_ALLOW: '' });
    const before = fetches;
    expect((await bearer(await sign(), undefined, guarded)).status).toBe(503);
    expect(fetches).toBe(before);
  });
});

describe('JWT_PUBLIC_KEY', () => {
  it('checks tokens without a key server, of the algorithms that it is for', async () => {
    const pem = (await exportSPKI(pair.publicKey)).replaceAll('\n', '\\n');
    const at = await api.replica({ JWT_JWKS_URL: '', JWT_PUBLIC_KEY: pem, JWT_SCOPES_CLAIM: 'https://example.com/scopes' });
    const claims = { ...sound(), scope: 'admin', 'https://example.com/scopes': ['read'] };
    expect((await bearer(await sign(claims), undefined, at)).status).toBe(200);
    expect((await bearer(await sign(claims), '/api/v1/keys', at)).status).toBe(403);
    expect((await bearer(await sign(claims, {}, foreign.privateKey), undefined, at)).status).toBe(401);
    const other = await generateKeyPair('ES256');
    expect((await bearer(await sign(claims, { alg: 'ES256' }, other.privateKey), undefined, at)).status).toBe(401);
    const pinned = await api.replica({ JWT_JWKS_URL: '', JWT_PUBLIC_KEY: pem, JWT_ALGORITHMS: 'PS256' });
    expect((await bearer(await sign(), undefined, pinned)).status).toBe(401);
  });

  it('and its companions are checked at the start', async () => {
    const start = (changes: Record<string, string>) => api.replica(changes).catch((error: unknown) => (error as Error).message);
    expect(await start({ JWT_ISSUER: '', JWT_AUDIENCE: '' })).toBe(
      'JWT_ISSUER: is required and not set\nJWT_AUDIENCE: is required and not set',
    );
    expect(await start({ JWT_ALGORITHMS: 'HS256' })).toMatch(/^JWT_ALGORITHMS: must be some of RS256/);
    expect(await start({ JWT_ALGORITHMS: 'none' })).toMatch(/^JWT_ALGORITHMS/);
    expect(await start({ JWT_PUBLIC_KEY: 'no key' })).toMatch(/^JWT_PUBLIC_KEY: must be a public key in PEM/);
  });
});
