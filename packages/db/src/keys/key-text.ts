/** What a service key looks like, and what is kept of it. */
import { createHmac, randomBytes } from 'node:crypto';

/** 256 bits: nothing that can be guessed, so a plain HMAC keeps it as well as a slow hash would. */
const SECRET_BYTES = 32;
const KEY = /^lgw_([0-9a-z]{26})_[A-Za-z0-9_-]{43}$/;

/** @returns a new key of this id: `lgw_<id>_<secret>`. Whoever asks for it is the only one ever to see it. */
export const newKeyText = (id: string): string => `lgw_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`;

/** @returns the id in a text that looks like one of our keys; null: it is none. */
export const keyIdOf = (text: string): string | null => KEY.exec(text)?.[1] ?? null;

/** @returns what is stored and compared in a key's place. The whole text, so that a fingerprint is worth nothing under another id. */
export const keyFingerprint = (pepper: Buffer, text: string): Buffer => createHmac('sha256', pepper).update(text).digest();
