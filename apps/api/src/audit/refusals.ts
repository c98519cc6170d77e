/**
 * Refused calls to what administrators may do, on record. One entry tells of all that one key (or nobody) was refused from one address in a
 * minute, and there are so many entries and no more: whoever is turned away cannot fill the log.
 */
import { actingAs, recordDeeds, type Db } from '@llm-gateway/db';
import type { Logger } from '@llm-gateway/shared';
import type { RequestHandler, Response } from 'express';
import type { Caller } from '../auth/caller.js';
import { requestIdOf } from '../http/request-id.js';

const EVERY_MS = 60_000;
/** The first of a quiet time is written soon. */
const FIRST_AFTER_MS = 1_000;
/** At the end of the process nobody waits longer for them. */
const LAST_WRITE_MS = 1_000;
/** Of one process in one minute. What goes beyond is one entry that only counts. */
const MAX_ENTRIES = 50;
const LOGIN = '/admin/login';

export interface Refusal {
  /** null: nobody that is known. */
  keyId: string | null;
  address: string | null;
  requestId: string;
  status: number;
  /** What was asked for, as the table of routes has it: nothing that the caller could make up. */
  path: string;
}

interface Refused {
  first: Refusal;
  attempts: number;
  firstAt: number;
  lastAt: number;
  statuses: Set<number>;
  paths: Set<string>;
}

const OTHERS: Pick<Refusal, 'keyId' | 'address'> = { keyId: 'others', address: null };

export class RefusalLog {
  #refused = new Map<string, Refused>();
  #timer: NodeJS.Timeout | null = null;
  #wroteAt = -Infinity;
  readonly #db: Db;
  readonly #logger: Logger;

  constructor(db: Db, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  note(refusal: Refusal): void {
    const own = groupOf(refusal);
    const isNew = !this.#refused.has(own);
    const counted = isNew && this.#refused.size >= MAX_ENTRIES ? { ...refusal, ...OTHERS } : refusal;
    const key = groupOf(counted);
    const now = Date.now();
    const group = this.#refused.get(key) ?? begin(counted, now);
    group.attempts++;
    group.lastAt = now;
    group.statuses.add(refusal.status);
    group.paths.add(refusal.path);
    this.#refused.set(key, group);
    this.#timer ??= setTimeout(() => void this.#write(), Math.max(FIRST_AFTER_MS, this.#wroteAt + EVERY_MS - now)).unref();
  }

  async stop(): Promise<void> {
    let enough: NodeJS.Timeout | undefined;
    await Promise.race([this.#write(), new Promise((resolve) => (enough = setTimeout(resolve, LAST_WRITE_MS)))]);
    clearTimeout(enough);
    if (this.#timer) clearTimeout(this.#timer);
  }

  async #write(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#wroteAt = Date.now();
    const refused = this.#refused;
    this.#refused = new Map();
    try {
      for (const group of refused.values()) await record(this.#db, group);
    } catch (error) {
      // Kept in memory they would be tried for ever, and grow; the log of the process has them.
      this.#logger.warn(
        { err: error, refusals: [...refused.values()].map(entryOf) },
        'refused admin calls could not be recorded',
      );
    }
  }
}

const groupOf = ({ keyId, address }: Pick<Refusal, 'keyId' | 'address'>): string => JSON.stringify([keyId, address]);

const begin = (first: Refusal, now: number): Refused => ({
  ...{ first, attempts: 0, firstAt: now, lastAt: now },
  ...{ statuses: new Set(), paths: new Set() },
});

function record(db: Db, group: Refused): Promise<void> {
  const { keyId, address, requestId } = group.first;
  return recordDeeds(actingAs(db, { keyId: keyId ?? 'unknown', address, requestId }), [entryOf(group)]);
}

const entryOf = ({ attempts, firstAt, lastAt, statuses, paths, first }: Refused) => ({
  action: 'admin.refused',
  target: 'admin',
  targetId: first.path,
  before: null,
  after: {
    attempts,
    statuses: [...statuses].toSorted(),
    paths: [...paths].toSorted(),
    first_at: new Date(firstAt).toISOString(),
    last_at: new Date(lastAt).toISOString(),
  },
});

/** Notes what is refused below these paths, whoever refuses it. @param paths as the routes are mounted, `:id` for any part. */
export function watchRefusals(log: Pick<RefusalLog, 'note'>, paths: readonly string[]): RequestHandler {
  const routes = [LOGIN, ...paths].map((path) => ({ path, pattern: new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}(/|$)`, 'i') }));
  return (req, res, next) => {
    const { path } = req;
    // The main job does not pay for it.
    const route = path.startsWith('/api/v1/generate') ? undefined : routes.find(({ pattern }) => pattern.test(path));
    // Once the answer is out, the other end may be gone and with it its address.
    const address = req.socket.remoteAddress ?? null;
    if (route) res.once('close', () => noteIfRefused(log, res, { path: route.path, address }));
    next();
  };
}

function noteIfRefused(log: Pick<RefusalLog, 'note'>, res: Response, where: Pick<Refusal, 'path' | 'address'>): void {
  const { statusCode: status } = res;
  // A key that asks too often is no attack, but at the login it is.
  if (status !== 401 && status !== 403 && !(status === 429 && where.path === LOGIN)) return;
  const caller = res.locals['caller'] as Caller | undefined;
  log.note({ ...where, keyId: caller?.keyId ?? null, requestId: requestIdOf(res), status });
}
