import type { KeptJob } from '@llm-gateway/queue';
import type { Caller } from '../auth/caller.js';
import { redisOrUnavailable } from '../generate/refusal.js';
import type { GenerateDeps } from '../generate/deps.js';
import { mayTouch } from './access.js';
import { fromCursor, toCursor } from './cursor.js';
import { candidates, fits } from './select.js';
import { keptView } from './view.js';
import type { JobListQuery, WireJob } from './wire.js';

/** A page looks into at most so many jobs for those that fit: it may then be short, or empty, and still have a next one. */
const MAX_LOOKED_INTO = 2_000;

/** A page of the jobs that are kept, newest first. */
export async function listJobs(
  deps: Pick<GenerateDeps, 'kept' | 'config'>,
  caller: Caller,
  query: JobListQuery,
): Promise<{ data: WireJob[]; next_cursor: string | null }> {
  const after = fromCursor(query.cursor);
  const refs = (await candidates(deps, query)).filter(({ requestId }) => after === null || requestId < after);
  const jobs: KeptJob[] = [];
  const step = Math.max(100, query.limit);
  let looked = 0;
  while (looked < refs.length && looked < MAX_LOOKED_INTO && jobs.length <= query.limit) {
    const batch = refs.slice(looked, looked + step);
    looked += batch.length;
    const read = await redisOrUnavailable(deps.kept.read(batch));
    jobs.push(...read.filter((job) => mayTouch(caller, job.head) && fits(job, query)));
  }
  const shown = jobs.slice(0, query.limit);
  const last =
    jobs.length > query.limit ? shown.at(-1)?.requestId : looked < refs.length ? refs[looked - 1]?.requestId : undefined;
  return { data: shown.map(keptView), next_cursor: last === undefined ? null : toCursor(last) };
}
