/** The keys in the database, as the configuration brings them: a lookup by id in memory and one HMAC, whatever is down. */
import { timingSafeEqual } from 'node:crypto';
import { keyFingerprint, keyIdOf, openPepper, type Db, type EncryptionKeys } from '@llm-gateway/db';
import type { ConfigWatcher } from '@llm-gateway/engine';
import { GatewayError, RETRY_AFTER_MS, type KeyRing, type Logger, type ServiceKey } from '@llm-gateway/shared';
import type { Caller, KeyStore } from './caller.js';
import { KeyUse } from './key-use.js';
import { SharedLook } from './shared-look.js';

/** How long an unknown key may take to be looked for; PostgreSQL may hang. */
const LOOK_TIMEOUT_MS = 1_500;
const NOBODYS = Buffer.alloc(32);

interface KnownKey {
  caller: Caller;
  fingerprint: Buffer;
  previous: { fingerprint: Buffer; until: number } | null;
  /** Epoch ms. */
  expiresAt: number;
}

interface Ring {
  pepper: Buffer | null;
  byId: ReadonlyMap<string, KnownKey>;
}

export interface StoredKeysOptions {
  config: Pick<ConfigWatcher, 'current' | 'onChange' | 'isCurrent'>;
  encryptionKeys: EncryptionKeys;
  db: Db;
  logger: Logger;
}

export class StoredKeys implements KeyStore {
  /** null: not known, so that nobody may be told that a key is none. */
  #ring: Ring | null = null;
  readonly #look: SharedLook;
  readonly #use: KeyUse;
  readonly #options: StoredKeysOptions;

  constructor(options: StoredKeysOptions) {
    this.#options = options;
    this.#use = new KeyUse(options.db, options.logger);
    this.#look = new SharedLook(() => options.config.isCurrent(), LOOK_TIMEOUT_MS);
    this.#adopt(options.config.current().access);
    options.config.onChange((snapshot) => this.#adopt(snapshot.access));
  }

  /** Writes down the last uses. */
  stop(): Promise<void> {
    return this.#use.stop();
  }

  async find(key: string): Promise<Caller | null> {
    const known = this.#match(key);
    if (known) return this.#inTime(known);
    // It may have been made, or rotated, on another replica a moment ago.
    const isCurrent = await this.#look.now();
    const found = this.#match(key);
    if (found) return this.#inTime(found);
    if (isCurrent && this.#ring) return null;
    throw new GatewayError('unavailable', 'the keys cannot be looked up, try again', { retryAfterMs: RETRY_AFTER_MS });
  }

  /** Does the same work for an id that nobody has. */
  #match(key: string): KnownKey | null {
    const pepper = this.#ring?.pepper;
    if (!pepper) return null;
    const known = this.#ring?.byId.get(keyIdOf(key) ?? '');
    const shown = keyFingerprint(pepper, key);
    const isKey = timingSafeEqual(shown, known?.fingerprint ?? NOBODYS);
    const wasKey = timingSafeEqual(shown, known?.previous?.fingerprint ?? NOBODYS) && (known?.previous?.until ?? 0) > Date.now();
    return known && (isKey || wasKey) ? known : null;
  }

  #inTime({ caller, expiresAt }: KnownKey): Caller | null {
    if (expiresAt <= Date.now()) return null;
    this.#use.note(caller.keyId);
    return caller;
  }

  #adopt(ring: KeyRing | undefined): void {
    if (!ring) {
      this.#ring = null;
      return;
    }
    try {
      const pepper = ring.pepper === null ? null : openPepper(this.#options.encryptionKeys, ring.pepper);
      this.#ring = { pepper, byId: new Map(ring.keys.map((key) => [key.id, toKnown(key)])) };
    } catch (error) {
      this.#ring = null;
      this.#options.logger.error({ err: error }, 'the keys in the database cannot be checked, their callers get 503');
    }
  }
}

function toKnown({ id, service, scopes, fingerprint, previous, expiresAt, rpmLimit }: ServiceKey): KnownKey {
  return {
    caller: { keyId: id, scopes: new Set(scopes), service, customerId: null, rpmLimit },
    fingerprint: Buffer.from(fingerprint, 'hex'),
    previous: previous && { fingerprint: Buffer.from(previous.fingerprint, 'hex'), until: Date.parse(previous.until) },
    expiresAt: expiresAt === null ? Infinity : Date.parse(expiresAt),
  };
}
