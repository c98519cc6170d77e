import { z } from 'zod';

/** PostgreSQL has no year 0, and beyond 9999 the text of a time has another form. */
const isStorable = (text: string): boolean => Date.parse(text) >= 0 && Date.parse(text) <= Date.UTC(9999, 0, 1);

/** A moment, as callers write it. */
export const time = z.iso
  .datetime({ offset: true, error: 'must be an ISO 8601 time with a zone, such as 2026-11-24T00:00:00Z', abort: true })
  .refine(isStorable, 'must lie between the years 1970 and 9999');

const NEITHER = 'must be a day such as 2026-11-24, or an ISO 8601 time with a zone, such as 2026-11-24T00:00:00Z';

/** In an address a plain + is a space: the caller sees a zone there where none arrives. */
const error = ({ input }: { input?: unknown }): string =>
  typeof input === 'string' && /T.* \d\d:\d\d$/.test(input)
    ? `${NEITHER}; in an address the + of a zone is written %2B`
    : NEITHER;

/** Where a span begins or ends: a moment, or a day for its midnight in UTC. */
export const momentOrDay = z
  .union([z.iso.date({ error, abort: true }), z.iso.datetime({ offset: true, error, abort: true })], { error })
  .refine(isStorable, 'must lie between the years 1970 and 9999');
