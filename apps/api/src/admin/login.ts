/** `/admin/login` and `/admin/logout`: an administrator's key or token against a session. */
import { isIPv6 } from 'node:net';
import { recordDeeds } from '@llm-gateway/db';
import { GatewayError, type Logger } from '@llm-gateway/shared';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { z } from 'zod';
import { actingFor } from '../auth/acting-for.js';
import { callerOf } from '../auth/caller.js';
import type { Deps } from '../deps.js';
import { showBody, type ShowError } from '../http/errors.js';
import { parse } from '../http/parse.js';
import { checkForm, wantsPage } from './access.js';
import { clearCookie, readCookie, setCookie } from './cookies.js';
import { html } from './html.js';
import { problem, sendPage } from './page.js';
import { closeSession, csrfTokenOf, newBrowserSecret, openSession, type SessionStore } from './sessions.js';

/** Tries of one address, whether they fail or not. Nobody types a key more often. */
const TRIES_A_MINUTE = 10;
const HOME = '/admin/queues';

const loginForm = z.object({ key: z.string().trim().min(1, 'is required').max(8_192), next: z.string().max(2_000).optional() });

export interface LoginDeps extends Pick<Deps, 'db' | 'keyRate' | 'logger'> {
  store: SessionStore;
  secureCookies: boolean;
  readForm: RequestHandler;
}

export function loginRouter({ store, db, keyRate, secureCookies, readForm }: LoginDeps): Router {
  const router = Router();
  router.get('/', (req, res) => {
    sendLogin(req, res, secureCookies, null);
  });
  router.post('/', bounded(keyRate), readForm, async (req, res) => {
    checkForm(req, readCookie(req, 'lgw_login'));
    const { key, next } = parse(loginForm, req.body);
    const caller = await store.keys.find(key);
    if (!caller)
      throw new GatewayError('unauthorized', 'this key or token is not valid (any more): check it, or ask for another');
    // Refused or not, it is known who it was.
    res.locals['caller'] = caller;
    if (!caller.scopes.has('admin'))
      throw new GatewayError('forbidden', 'this key does not have the scope admin: use one that has it');
    await recordDeeds(actingFor(db, res), [sessionDeed('admin.login', caller.keyId)]);
    const secret = await openSession(store, key);
    const earlier = readCookie(req, 'lgw_admin');
    if (earlier !== null) await closeSession(store, earlier);
    setCookie(res, 'lgw_admin', secret, secureCookies);
    clearCookie(res, 'lgw_login', secureCookies);
    res.redirect(303, placeInside(next));
  });
  return router;
}

/** Behind the access to the pages, and the check that it is a form of theirs. */
export function logoutHandler({ store, db, secureCookies, logger }: LoginDeps & { logger: Logger }): RequestHandler {
  return async (req, res) => {
    const secret = readCookie(req, 'lgw_admin');
    if (secret !== null) await closeSession(store, secret);
    // Going must be possible while nothing can be recorded.
    await recordDeeds(actingFor(db, res), [sessionDeed('admin.logout', callerOf(res).keyId)]).catch((error: unknown) => {
      logger.warn({ err: error }, 'a logout could not be recorded');
    });
    clearCookie(res, 'lgw_admin', secureCookies);
    res.redirect(303, '/admin/login');
  };
}

const sessionDeed = (action: string, keyId: string) =>
  ({ action, target: 'admin_session', targetId: keyId, before: null, after: null }) as const;

/** A login that is refused is a login form again, that says why. */
export const showLoginProblem =
  (secureCookies: boolean): ShowError =>
  (error, req, res) => {
    if (wantsPage(req)) sendLogin(req, res, secureCookies, error);
    else showBody(error, req, res);
  };

/** Before the body is read. Exact over all replicas; while Redis is away each keeps to its share. */
function bounded(rate: Deps['keyRate']): RequestHandler {
  return async (req, _res, next) => {
    const { taken, resetsInMs } = await rate.take(`login:${networkOf(req.socket.remoteAddress ?? '')}`, TRIES_A_MINUTE);
    if (!taken)
      throw new GatewayError('rate_limited', 'too many tries to sign in from your address', { retryAfterMs: resetsInMs });
    next();
  };
}

/** Whoever has one IPv6 address has 2^64 of them. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || /^::ffff:[\d.]+$/i.test(address)) return address.replace(/^::ffff:/i, '');
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length);
  return `${[...groups, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':')}::/64`;
}

/** @returns where to go on, a page of ours whatever was asked for. */
export function placeInside(wanted: string | undefined): string {
  const url = wanted === undefined ? null : URL.parse(wanted, 'http://here.invalid');
  const isInside = url?.origin === 'http://here.invalid' && url.pathname.startsWith('/admin/');
  return url && isInside ? `${url.pathname}${url.search}` : HOME;
}

function sendLogin(req: Request, res: Response, secureCookies: boolean, refused: GatewayError | null): void {
  const secret = readCookie(req, 'lgw_login') ?? newBrowserSecret();
  setCookie(res, 'lgw_login', secret, secureCookies);
  const asked: unknown = refused ? (req.body as { next?: unknown } | undefined)?.next : req.query['next'];
  const next = placeInside(typeof asked === 'string' ? asked : undefined);
  sendPage(
    res,
    'Sign in',
    html`<h1>LLM Gateway</h1>
      <p class="quiet">Queues and jobs, for administrators</p>
      ${refused && problem(refused)}
      <form method="post" action="/admin/login">
        <input type="hidden" name="csrf" value="${csrfTokenOf(secret)}" />
        <input type="hidden" name="next" value="${next}" />
        <label for="key">Admin key or token</label>
        <input
          id="key"
          name="key"
          type="password"
          required
          autofocus
          autocomplete="current-password"
          spellcheck="false"
          maxlength="8192"
        />
        <button type="submit">Sign in</button>
      </form>
      <p class="quiet">You stay signed in for 8 hours at most, and no longer than the key is valid.</p>`,
  );
}
