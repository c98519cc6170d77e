import { EXIT, OperatorError, type Command, type Surroundings } from '../command.js';
import { callGateway, type Job } from './gateway.js';
import { readIdsAndOptions } from './options.js';

/** Always JSON: it is what the API answers, result included. */
export const showJobs: Command = async (args, surroundings) => {
  const { ids } = readIdsAndOptions(args, { json: { type: 'boolean', default: false } });
  surroundings.out(JSON.stringify(await readJobs(surroundings, ids), null, 2));
  return EXIT.ok;
};

/** @throws OperatorError where no id is given, or one is of no job. */
export async function readJobs(surroundings: Surroundings, ids: readonly string[]): Promise<Job[]> {
  if (ids.length === 0) throw new OperatorError('name the job: its id begins with req_');
  const jobs: Job[] = [];
  for (const id of ids) jobs.push(await callGateway<Job>(surroundings, 'GET', jobPath(id)));
  return jobs;
}

export const jobPath = (id: string): string => `/api/v1/jobs/${encodeURIComponent(id)}`;
