import { z } from 'zod';

/** PostgreSQL has no year 0, and beyond 9999 the text of a time has another form. */
const isStorable = (text: string): boolean => Date.parse(text) >= 0 && Date.parse(text) <= Date.UTC(9999, 0, 1);

/** A moment, as callers write it. */
export const time = z.iso
  .datetime({ offset: true, error: 'must be an ISO 8601 time with a zone, such as 2026-11-24T00:00:00Z', abort: true })
  .refine(isStorable, 'must lie between the years 1970 and 9999');
