import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis } from '@llm-gateway/local-services';
import { networkOf, placeInside } from '../src/admin/login.js';
import { BOARD_API, QUEUES, startAdminSide, type AdminSide } from './support/admin-side.js';
import { Browser } from './support/browser.js';
import { eventually } from './support/eventually.js';
import { ADMIN_KEY, SERVICE_KEY, startTestApi } from './support/test-api.js';

const PAGES = ['/admin', QUEUES, '/admin/jobs/req_1', `${QUEUES}/queue/generate.one`];
const SESSIONS = 'lgw:admin:session:*';

let side: AdminSide;
beforeAll(async () => {
  side = await startAdminSide();
});
afterAll(() => side.end());

describe('signing in', () => {
  it('exchanges an admin key for a cookie that no script and no other site has, and goes on where one wanted to be', async () => {
    const { api, audit, forgetTries, jobId } = side;
    await forgetTries();
    const browser = new Browser(api.url);
    const refused = await browser.get(`${QUEUES}/queue/generate.one?status=failed`);
    expect(refused.status).toBe(303);
    const { status, headers } = await browser.submit(refused.headers.get('location') ?? '', '/admin/login', { key: ADMIN_KEY });
    expect([status, headers.get('location')]).toEqual([303, `${QUEUES}/queue/generate.one?status=failed`]);
    const cookie = browser.setCookies.find((set) => set.startsWith('lgw_admin=')) ?? '';
    expect(cookie).toMatch(/^lgw_admin=[\w-]{43}; Max-Age=28800; Path=\/admin; Expires=[^;]+; HttpOnly; SameSite=Strict$/);
    for (const path of [BOARD_API, '/admin', `/admin/jobs/${jobId}`])
      expect([path, (await browser.get(path)).status]).toEqual([path, 200]);
    expect(await audit('action=admin.login')).toMatchObject([
      { key_id: expect.stringMatching(/^env_/), target: 'admin_session' },
    ]);
  });

  it('sets its cookies for https alone behind a proxy that ends TLS, or where told to', async () => {
    const { api } = side;
    const login = async (url: string, headers: Record<string, string>) =>
      (await new Browser(url).get('/admin/login', headers)).headers.getSetCookie().join();
    expect(await login(api.url, { 'x-forwarded-proto': 'https' })).toMatch(/; Secure/);
    const secure = await api.replica({ ADMIN_COOKIE_SECURE: 'true' });
    expect(await login(secure.url, {})).toMatch(/; Secure/);
  });

  it.each([
    ['a key that nobody has', 'nothing', 401, /not valid/],
    ['a key without the scope', SERVICE_KEY, 403, /does not have the scope admin/],
    ['nothing', '', 400, /key: is required/i],
  ])('refuses %s, says what to do, and does not say it back', async (_what, key, status, words) => {
    const { api, forgetTries } = side;
    await forgetTries();
    const browser = new Browser(api.url);
    const answer = await browser.signIn(key);
    expect([answer.status, browser.cookies.has('lgw_admin')]).toEqual([status, false]);
    expect(answer.text).toMatch(words);
    expect(answer.text).toContain('<label for="key">');
    if (key !== '') expect(answer.text).not.toContain(key);
  });

  it('is a page without scripts, that fetches nothing from elsewhere and cannot be framed', async () => {
    const { api } = side;
    const { headers, text } = await new Browser(api.url).get('/admin/login');
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(headers.get('cache-control')).toBe('no-store');
    expect(text).not.toMatch(/<script|style=|onclick|https?:/);
    const { status, headers: ofStyle } = await new Browser(api.url).get('/admin/style.css');
    expect([status, ofStyle.get('content-type')]).toEqual([200, 'text/css; charset=utf-8']);
  });

  it('leads nowhere else', async () => {
    const { api } = side;
    for (const next of [
      'https://evil.example/admin/',
      '//evil.example/admin/',
      '/\\evil.example',
      '/admin/..//evil.example',
      'javascript:1',
    ])
      expect([next, placeInside(next)]).toEqual([next, QUEUES]);
    const page = await new Browser(api.url).get(`/admin/login?next=${encodeURIComponent('"><script>')}`);
    expect(page.text).not.toContain('<script');
  });

  it('may be tried ten times a minute from one address, over all replicas, and again afterwards', async () => {
    const { api, forgetTries, other } = side;
    await forgetTries();
    const [here, there] = [new Browser(api.url), new Browser(other.url)];
    for (let tries = 0; tries < 5; tries++)
      for (const browser of [here, there]) expect((await browser.signIn('guess')).status).toBe(401);
    for (const browser of [here, there]) {
      const { status, headers, text } = await browser.signIn(ADMIN_KEY);
      expect([status, browser.cookies.has('lgw_admin')]).toEqual([429, false]);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(text).toMatch(/Try again in \d+ s/);
    }
    await forgetTries();
    expect((await here.signIn(ADMIN_KEY)).status).toBe(303);
  });

  it('takes a whole IPv6 network for one address', () => {
    expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe(networkOf('2001:db8:1:2::ffff'));
    expect(networkOf('2001:db8:1:2::1')).not.toBe(networkOf('2001:db8:1:3::1'));
    expect([networkOf('::ffff:10.0.0.1'), networkOf('10.0.0.1'), networkOf('::1')]).toEqual([
      '10.0.0.1',
      '10.0.0.1',
      '0:0:0:0::/64',
    ]);
  });
});

describe('without a session', () => {
  it('a browser is sent to the login, and a program told so', async () => {
    const { api, jobId } = side;
    for (const path of PAGES) {
      const page = await new Browser(api.url).get(path);
      expect([path, page.status, page.headers.get('location')]).toEqual([
        path,
        303,
        `/admin/login?next=${encodeURIComponent(path)}`,
      ]);
    }
    for (const path of [...PAGES, BOARD_API, `${QUEUES}/static/images/logo.svg`, '/admin/nothing']) {
      const { status, body } = await api.call('GET', path, { key: null });
      expect([path, status, body.error.code]).toEqual([path, 401, 'unauthorized']);
    }
    for (const path of ['/admin/logout', '/admin/prompts', `/admin/jobs/${jobId}/replay`, `/admin/jobs/${jobId}/cancel`])
      expect([path, (await new Browser(api.url).post(path, {})).status]).toEqual([path, 401]);
  });

  it.each(['forged', 'expired', 'closed', 'of a revoked key', 'of a key that was rotated'])(
    'a cookie that is %s opens nothing',
    async (what) => {
      const { adminKey, api, audit, other, redis, signedIn } = side;
      const { id, key } = await adminKey();
      const browser = await signedIn(key);
      const secret = browser.cookies.get('lgw_admin') ?? '';
      expect((await browser.at(other.url).get(BOARD_API)).status).toBe(200);
      if (what === 'forged') browser.cookies.set('lgw_admin', `${secret.slice(0, -2)}${secret.endsWith('AA') ? 'BB' : 'AA'}`);
      if (what === 'expired') {
        const [session = ''] = await newest(secret);
        expect(await redis.pttl(session)).toBeLessThanOrEqual(8 * 3_600_000);
        await redis.pexpire(session, 1);
        await eventually(
          () => redis.exists(session),
          (there) => there === 0,
        );
      }
      if (what === 'closed') {
        expect((await browser.submit('/admin', '/admin/logout')).headers.get('location')).toBe('/admin/login');
        expect(browser.cookies.has('lgw_admin')).toBe(false);
        expect(await audit(`action=admin.logout&key_id=${id}`)).toHaveLength(1);
        browser.cookies.set('lgw_admin', secret);
      }
      if (what === 'of a revoked key') await api.call('DELETE', `/api/v1/keys/${id}`);
      if (what === 'of a key that was rotated')
        await api.call('POST', `/api/v1/keys/${id}/rotate`, { body: { grace_seconds: 0 } });
      for (const at of [browser, browser.at(other.url)]) {
        await eventually(
          () => at.get(BOARD_API, { accept: '*/*' }),
          ({ status }) => status === 401,
        );
        expect((await at.get(QUEUES)).status).toBe(303);
      }
    },
  );

  /** The session that a cookie opens: the one that goes when it is used. */
  async function newest(secret: string): Promise<string[]> {
    const { redis } = side;
    const all = await redis.keys(SESSIONS);
    expect(all.some((name) => name.includes(secret))).toBe(false);
    const ages = await Promise.all(all.map(async (name) => ({ name, left: await redis.pttl(name) })));
    return ages.toSorted((a, b) => b.left - a.left).map(({ name }) => name);
  }
});

describe('a program', () => {
  it('comes in with an admin key in a header, needs no form, and is told what it lacks', async () => {
    const { api } = side;
    const bearer = { authorization: `Bearer ${ADMIN_KEY}` };
    expect((await api.call('GET', BOARD_API, { key: null, headers: bearer })).status).toBe(200);
    expect((await api.call('GET', BOARD_API, { key: ADMIN_KEY })).status).toBe(200);
    expect((await api.call('GET', BOARD_API, { key: SERVICE_KEY })).body.error.code).toBe('forbidden');
    expect((await api.call('GET', BOARD_API, { key: 'unknown' })).body.error.code).toBe('unauthorized');
    const basic = `Basic ${Buffer.from(`anyone:${ADMIN_KEY}`).toString('base64')}`;
    expect((await api.call('GET', BOARD_API, { key: null, headers: { authorization: basic } })).status).toBe(401);
  });
});

describe('a session in Redis', () => {
  it('tells nobody the key that signed in, nor the cookie', async () => {
    const { api, redis, signedIn } = side;
    const browser = await signedIn();
    const names = await redis.keys(SESSIONS);
    const values = await redis.mget(names);
    expect(values.length).toBeGreaterThan(0);
    for (const secret of [
      ADMIN_KEY,
      browser.cookies.get('lgw_admin') ?? '',
      Buffer.from(ADMIN_KEY).toString('base64url').slice(0, 30),
    ])
      expect(JSON.stringify([names, values, api.log.lines()])).not.toContain(secret);
  });
});

describe('while Redis is away', () => {
  it('nobody gets in by a cookie, tries stay bounded, and the key in a header still works', async () => {
    const own = await startRedis();
    const alone = await startTestApi({ REDIS_URL: own.url });
    try {
      const browser = new Browser(alone.url);
      expect((await browser.signIn(ADMIN_KEY)).status).toBe(303);
      await own.stop('SIGKILL');
      await eventually(
        () => browser.get('/admin'),
        ({ status }) => status === 503,
      );
      const statuses: number[] = [];
      for (let tries = 0; tries < 12; tries++) statuses.push((await browser.signIn('guess')).status);
      expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(10);
      expect(statuses.at(-1)).toBe(429);
      expect((await alone.call('GET', '/api/v1/providers')).status).toBe(200);
      expect((await alone.call('GET', '/admin')).status).toBe(200);
    } finally {
      await alone.end();
    }
  });
});
