import { EXIT, OperatorError, type Command } from '../command.js';
import { table } from '../table.js';
import { callGateway, type Job } from './gateway.js';
import { FILTER_OPTIONS, readCount, readIdsAndOptions, toFilter } from './options.js';

const OPTIONS = {
  ...FILTER_OPTIONS,
  limit: { type: 'string', default: '50' },
  json: { type: 'boolean', default: false },
} as const;
const MAX_JOBS = 100_000;
const PAGE = 1_000;

export const listJobs: Command = async (args, surroundings) => {
  const { values, ids } = readIdsAndOptions(args, OPTIONS);
  if (ids.length > 0) throw new OperatorError('list takes no ids: show does');
  const { limit, json, ...filter } = values;
  const wanted = readCount('limit', limit, MAX_JOBS);
  const jobs: Job[] = [];
  let cursor: string | null = '';
  while (cursor !== null && jobs.length < wanted && !surroundings.signal.aborted) {
    const query = new URLSearchParams({ ...toFilter(filter), limit: String(Math.min(PAGE, wanted - jobs.length)) });
    if (cursor !== '') query.set('cursor', cursor);
    const page: { data: Job[]; next_cursor: string | null } = await callGateway(
      surroundings,
      'GET',
      `/api/v1/jobs?${query.toString()}`,
    );
    jobs.push(...page.data);
    cursor = page.next_cursor;
  }
  surroundings.out(json ? JSON.stringify({ jobs, more: cursor !== null }, null, 2) : jobTable(jobs));
  if (!json && cursor !== null) surroundings.note(`there are more: --limit ${wanted * 2}`);
  return EXIT.ok;
};

export function jobTable(jobs: readonly Job[]): string {
  if (jobs.length === 0) return 'No jobs.';
  const header = ['job', 'status', 'service', 'customer', 'provider', 'created', 'error', 'run again as'];
  const rows = jobs.map((job) => [
    job.id,
    job.status,
    job.service,
    job.customer_id ?? '',
    job.provider ?? '',
    job.created_at,
    job.error?.code ?? '',
    job.replayed_by ?? '',
  ]);
  return table(header, rows, new Set());
}
