/** Who may see the admin's pages: a browser with a session, or a program with an admin's key or token in a header. */
import { GatewayError } from '@llm-gateway/shared';
import type { Request, RequestHandler, Response } from 'express';
import { authenticate, requireScope } from '../auth/authenticate.js';
import { readCookie } from './cookies.js';
import { isCsrfToken, readSession, type AdminSession, type SessionStore } from './sessions.js';

/** Lets administrators in. A browser without a session is sent to the login and back. */
export function adminAccess(store: SessionStore): RequestHandler[] {
  const byHeader = authenticate(store.keys);
  const enter: RequestHandler = async (req, res, next) => {
    // A header is nothing that a browser sends by itself, so it needs no token against forged requests.
    if (req.get('x-service-key') || /^bearer /i.test(req.get('authorization') ?? '')) return byHeader(req, res, next);
    const secret = readCookie(req, 'lgw_admin');
    const session = secret === null ? null : await readSession(store, secret);
    if (session) {
      res.locals['session'] = session;
      res.locals['caller'] = session.caller;
      return next();
    }
    if (wantsPage(req) && isLook(req)) return res.redirect(303, `/admin/login?next=${encodeURIComponent(req.originalUrl)}`);
    res.set('WWW-Authenticate', 'Bearer');
    throw new GatewayError(
      'unauthorized',
      'sign in at /admin/login, or send an admin key as X-Service-Key or Authorization: Bearer',
    );
  };
  return [enter, requireScope('admin')];
}

/** @returns the browser's session; null: a program with a key. */
export const sessionOf = (res: Response): AdminSession | null => (res.locals['session'] as AdminSession | undefined) ?? null;

/** Is somebody looking at this, rather than a program or a script of a page? */
export const wantsPage = (req: Request): boolean => /\btext\/html\b/.test(req.get('accept') ?? '');

const isLook = ({ method }: Request): boolean => method === 'GET' || method === 'HEAD';

/** Turns away what changes something and was not sent by a form of ours, made for this very browser. After the body has been read. */
export const sameBrowser: RequestHandler = (req, res, next) => {
  const session = sessionOf(res);
  if (session && !isLook(req)) checkForm(req, session.secret);
  next();
};

/** @throws GatewayError forbidden. */
export function checkForm(req: Request, secret: string | null): void {
  const { csrf } = (req.body ?? {}) as { csrf?: unknown };
  const site = req.get('sec-fetch-site') ?? 'same-origin';
  if (site === 'same-origin' && secret !== null && isCsrfToken(secret, csrf)) return;
  throw new GatewayError('forbidden', 'the form is too old or was not sent from this page: load the page anew and try again');
}
