import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BOARD_API, startAdminSide, type AdminSide } from './support/admin-side.js';
import { Browser } from './support/browser.js';
import { eventually } from './support/eventually.js';
import { ADMIN_KEY, SERVICE_KEY } from './support/test-api.js';

let side: AdminSide;
beforeAll(async () => {
  side = await startAdminSide();
});
afterAll(() => side.end());

describe('a form that another site sends', () => {
  it('changes nothing: without the token of this browser, with another’s, or from elsewhere', async () => {
    const { api, audit, jobId, signedIn } = side;
    const browser = await signedIn();
    const stranger = await signedIn();
    const csrf = async (of: Browser) => /name="csrf" value="([^"]+)"/.exec((await of.get('/admin')).text)?.[1] ?? '';
    const [own, strange] = [await csrf(browser), await csrf(stranger)];
    expect(own).not.toBe(strange);
    for (const path of ['/admin/logout', '/admin/prompts', `/admin/jobs/${jobId}/cancel`, `/admin/jobs/${jobId}/replay`]) {
      for (const [fields, headers] of [
        [{}, {}],
        [{ csrf: '' }, {}],
        [{ csrf: strange }, {}],
        [{ csrf: own }, { 'sec-fetch-site': 'cross-site' }],
        [{ csrf: own }, { 'sec-fetch-site': 'same-site' }],
      ] as const) {
        const { status, text } = await browser.post(path, { prompts: 'show', ...fields }, headers);
        expect([path, fields, status]).toEqual([path, fields, 403]);
        expect(text).toMatch(/load the page anew/);
      }
    }
    expect((await browser.get(BOARD_API)).status).toBe(200);
    expect((await api.call('GET', `/api/v1/jobs/${jobId}`)).body.status).toBe('queued');
    expect(await audit('action=admin.prompts_show')).toEqual([]);
  });

  it('signs nobody in', async () => {
    const { api, forgetTries } = side;
    await forgetTries();
    const browser = new Browser(api.url);
    await browser.get('/admin/login');
    expect((await browser.post('/admin/login', { key: ADMIN_KEY })).status).toBe(403);
    expect((await browser.post('/admin/login', { key: ADMIN_KEY, csrf: 'x' })).status).toBe(403);
    expect((await new Browser(api.url).submit('/admin/login', '/admin/login', { key: ADMIN_KEY, csrf: null })).status).toBe(403);
    expect(browser.cookies.has('lgw_admin')).toBe(false);
  });
});

describe('prompts on the board', () => {
  const list = `${BOARD_API}?activeQueue=generate.one&status=latest&page=1&jobsPerPage=10`;

  it('are hidden until an admin asks for them, shown to that session alone, and the asking is on record', async () => {
    const { adminKey, api, audit, other, signedIn } = side;
    const { id, key } = await adminKey();
    const [browser, another] = [await signedIn(key), await signedIn()];
    const sees = async (who: Browser): Promise<boolean> => (await who.get(list)).text.includes('is hidden');
    expect(await sees(browser)).toBe(false);
    expect((await browser.submit('/admin', '/admin/prompts')).status).toBe(303);
    expect([await sees(browser), await sees(browser.at(other.url)), await sees(another)]).toEqual([true, true, false]);
    expect((await api.call('GET', list)).text).not.toContain('is hidden');
    expect((await browser.get('/admin')).text).toMatch(/shows prompts until \d\d:\d\d UTC/);
    expect(await audit(`action=admin.prompts_show&key_id=${id}`)).toHaveLength(1);
    await browser.submit('/admin', '/admin/prompts');
    expect(await sees(browser)).toBe(false);
  });

  it('are not shown to a key without a session', async () => {
    const { api } = side;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await api.call('POST', '/admin/prompts', { body: 'prompts=show', headers })).status).toBe(403);
  });
});

describe('a job’s page', () => {
  it('is linked from the board, and cancels and runs again by the calls of the API, on record, once a form', async () => {
    const { adminKey, audit, jobId, other, signedIn } = side;
    const { id: keyId, key } = await adminKey();
    const browser = await signedIn(key);
    expect((await browser.get(`${BOARD_API}?activeQueue=generate.one&status=latest&page=1&jobsPerPage=10`)).text).toContain(
      `/admin/jobs/${jobId}"`,
    );
    const page = `/admin/jobs/${jobId}`;
    const before = await browser.get(page);
    expect(before.text).toMatch(/<dd>queued<\/dd>[^]*Cancel this job/);
    expect(before.text).not.toContain('is hidden');
    expect((await browser.submit(page, `${page}/cancel`)).headers.get('location')).toBe(page);
    const ended = await eventually(
      () => browser.get(page),
      ({ text }) => text.includes('Run it again'),
    );
    expect(ended.text).toContain('<dd>cancelled</dd>');
    const once = '00000000-0000-4000-8000-000000000001';
    const first = await browser.submit(page, `${page}/replay`, { provider: 'one', once });
    const second = await browser.at(other.url).submit(page, `${page}/replay`, { provider: 'one', once });
    expect([first.status, second.status]).toEqual([303, 303]);
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
    const replay = await browser.get(first.headers.get('location') ?? '');
    expect(replay.text).toContain(`<a href="${page}">${jobId}</a>`);
    const deeds = (await audit(`key_id=${keyId}&target=job`)).map(({ action, target_id: target }) => [action, target]);
    expect(deeds).toEqual([
      ['job.replay', jobId],
      ['job.cancel', jobId],
    ]);
  });

  it('says what is wrong as a page to a browser', async () => {
    const { jobId, signedIn } = side;
    const browser = await signedIn();
    expect(await browser.get('/admin/jobs/req_none')).toMatchObject({
      status: 404,
      text: expect.stringMatching(/role="alert">\s*There is no job/),
    });
    expect((await browser.submit('/admin', '/admin/jobs', {})).status).toBe(403);
    const csrf = /name="csrf" value="([^"]+)"/.exec((await browser.get('/admin')).text)?.[1] ?? '';
    expect((await browser.post(`/admin/jobs/${jobId}/replay`, { csrf, provider: 'NO SUCH' })).status).toBe(400);
  });
});

interface Told {
  attempts: number;
  paths: string[];
  statuses: number[];
}

/** What several entries tell together. */
function told(entries: Record<string, unknown>[]): Told {
  const all = entries.map(({ after }) => after as Told);
  const distinct = <T>(values: T[]): T[] => [...new Set(values)].toSorted();
  return {
    attempts: all.reduce((sum, { attempts }) => sum + attempts, 0),
    paths: distinct(all.flatMap(({ paths }) => paths)),
    statuses: distinct(all.flatMap(({ statuses }) => statuses)),
  };
}

describe('refused calls', () => {
  it('are on record by who, from where and how often, in one entry a minute', async () => {
    const { api, audit, forgetTries } = side;
    const lone = await api.replica();
    const requests = new Set<string | null>();
    const note = async (refused: Promise<{ headers: Headers }>) => requests.add((await refused).headers.get('x-request-id'));
    for (let tries = 0; tries < 7; tries++) {
      await note(lone.call('GET', '/api/v1/providers', { key: null }));
      await note(lone.call('DELETE', '/api/v1/keys/x', { key: SERVICE_KEY }));
      await note(lone.call('GET', BOARD_API, { key: 'stolen-and-revoked' }));
    }
    await forgetTries();
    await note(new Browser(lone.url).signIn('a-guess-of-a-key'));
    // What is not written yet is written at its end.
    await lone.stop();
    const entries = (await audit('action=admin.refused&limit=1000')).filter(({ request_id: id }) => requests.has(id as string));
    const byKey = (who: RegExp) => told(entries.filter(({ key_id: id }) => who.test(id as string)));
    expect(byKey(/^unknown$/)).toEqual({ attempts: 15, paths: ['/admin', '/admin/login', '/api/v1/providers'], statuses: [401] });
    expect(byKey(/^env_/)).toEqual({ attempts: 7, paths: ['/api/v1/keys'], statuses: [403] });
    // One each in the first second, and the rest at the end.
    expect(entries.length).toBeLessThanOrEqual(4);
    expect(JSON.stringify(entries)).not.toMatch(/stolen|guess/);
  });
});
