/**
 * Sessions of administrators in the browser. What signed them in is kept with them and looked at anew for every request, so that a session ends
 * with its key, on every replica. It is sealed under a key that only the browser's cookie tells: Redis, and whoever reads it, cannot open it.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { decryptSecret, encryptSecret, type EncryptionKeys } from '@llm-gateway/db';
import { closeAdminSession, openAdminSession, readAdminSession, rewriteAdminSession, type Redis } from '@llm-gateway/queue';
import { z } from 'zod';
import type { Caller, KeyStore } from '../auth/caller.js';
import { redisOrUnavailable } from '../generate/refusal.js';

/** A day at work. */
export const SESSION_MS = 8 * 3_600_000;
const PROMPTS_MS = 15 * 60_000;
const SECRET_BYTES = 32;
const SECRET = /^[\w-]{43}$/;

const kept = z.object({ key: z.string(), endsAt: z.number(), promptsUntil: z.number() });
type Kept = z.infer<typeof kept>;

export interface AdminSession {
  caller: Caller;
  /** What the cookie says. */
  secret: string;
  /** Epoch ms; until then the board shows what jobs say. In the past: it does not. */
  promptsUntil: number;
}

export interface SessionStore {
  redis: Redis;
  keys: KeyStore;
}

/** @returns what a browser shows and nobody can guess. */
export const newBrowserSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url');
export const isBrowserSecret = (text: string): boolean => SECRET.test(text);

/** @returns what a form must bring along to be one of ours: only a page that was made for this browser knows it. */
export const csrfTokenOf = (secret: string): string => derive(secret, 'form').toString('base64url');

export function isCsrfToken(secret: string, shown: unknown): boolean {
  const expected = Buffer.from(csrfTokenOf(secret));
  const given = Buffer.from(typeof shown === 'string' ? shown : '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** @param key what signed in. @returns the secret for the browser's cookie. @throws GatewayError unavailable. */
export async function openSession({ redis }: SessionStore, key: string): Promise<string> {
  const secret = newBrowserSecret();
  const session = seal(secret, { key, endsAt: Date.now() + SESSION_MS, promptsUntil: 0 });
  await redisOrUnavailable(openAdminSession(redis, idOf(secret), session, SESSION_MS));
  return secret;
}

/** @returns null where it has ended, or what signed it in is no admin's any more. @throws GatewayError unavailable. */
export async function readSession(store: SessionStore, secret: string): Promise<AdminSession | null> {
  const session = await readKept(store, secret);
  if (!session) return null;
  const caller = await store.keys.find(session.key);
  if (caller?.scopes.has('admin')) return { caller, secret, promptsUntil: session.promptsUntil };
  // Should this fail it ends by itself; it is looked at in any case.
  await closeAdminSession(store.redis, idOf(secret)).catch(() => undefined);
  return null;
}

/** For a quarter of an hour, or no longer. @throws GatewayError unavailable. */
export async function showPrompts(store: SessionStore, secret: string, show: boolean): Promise<void> {
  const session = await readKept(store, secret);
  if (!session) return;
  const sealed = seal(secret, { ...session, promptsUntil: show ? Date.now() + PROMPTS_MS : 0 });
  await redisOrUnavailable(rewriteAdminSession(store.redis, idOf(secret), sealed));
}

/** Nobody comes in with its cookie again. @throws GatewayError unavailable. */
export const closeSession = ({ redis }: SessionStore, secret: string): Promise<void> =>
  redisOrUnavailable(closeAdminSession(redis, idOf(secret)));

async function readKept({ redis }: SessionStore, secret: string): Promise<Kept | null> {
  const sealed = await redisOrUnavailable(readAdminSession(redis, idOf(secret)));
  if (sealed === null) return null;
  const session = kept.parse(JSON.parse(decryptSecret(sealingKeys(secret), sealed, idOf(secret))));
  return session.endsAt > Date.now() ? session : null;
}

const seal = (secret: string, session: Kept): string => encryptSecret(sealingKeys(secret), JSON.stringify(session), idOf(secret));

const sealingKeys = (secret: string): EncryptionKeys => ({
  current: 'session',
  byId: new Map([['session', derive(secret, 'seal')]]),
});

const idOf = (secret: string): string => derive(secret, 'id').toString('hex');

/** One of several secrets made from one, none of which tells another. */
const derive = (secret: string, purpose: string): Buffer =>
  createHmac('sha256', secret).update(`llm-gateway admin session ${purpose}`).digest();
