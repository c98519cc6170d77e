/** The two cookies of the admin's pages. No script reads them, and no request that another site has caused brings them along. */
import type { CookieOptions, Request, Response } from 'express';
import { isBrowserSecret, SESSION_MS } from './sessions.js';

/** `lgw_admin`: the session. `lgw_login`: ties a login form to the browser that it was made for. */
type CookieName = 'lgw_admin' | 'lgw_login';

const LIFE_MS = { lgw_admin: SESSION_MS, lgw_login: 3_600_000 } as const satisfies Record<CookieName, number>;

/** @returns the secret in a cookie; null: there is none, or nothing that we have made. */
export function readCookie(req: Request, name: CookieName): string | null {
  for (const part of (req.get('cookie') ?? '').split(';')) {
    const [key, value = ''] = part.trim().split('=');
    if (key === name && isBrowserSecret(value)) return value;
  }
  return null;
}

export function setCookie(res: Response, name: CookieName, secret: string, secure: boolean): void {
  res.cookie(name, secret, { ...attributes(res.req, secure), maxAge: LIFE_MS[name] });
}

export function clearCookie(res: Response, name: CookieName, secure: boolean): void {
  res.clearCookie(name, attributes(res.req, secure));
}

const attributes = (req: Request, secure: boolean): CookieOptions => ({
  httpOnly: true,
  sameSite: 'strict',
  path: '/admin',
  // A proxy that ends TLS says so. Whoever else says so makes their own cookie stricter.
  secure: secure || /^https\b/i.test(req.get('x-forwarded-proto') ?? ''),
});
