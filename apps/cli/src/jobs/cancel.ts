import { EXIT, type Command } from '../command.js';
import { callGateway, type Job } from './gateway.js';
import { jobTable } from './list.js';
import { readIdsAndOptions } from './options.js';
import { jobPath, readJobs } from './show.js';

const OPTIONS = { apply: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } as const;

/** Shows the jobs; with `--apply` ends those that have not ended. */
export const cancelJobs: Command = async (args, surroundings) => {
  const { values, ids } = readIdsAndOptions(args, OPTIONS);
  let jobs = await readJobs(surroundings, ids);
  if (values.apply) {
    jobs = [];
    for (const id of ids) {
      if (surroundings.signal.aborted) break;
      jobs.push(await callGateway<Job>(surroundings, 'DELETE', jobPath(id)));
    }
  }
  surroundings.out(values.json ? JSON.stringify({ applied: values.apply, jobs }, null, 2) : jobTable(jobs));
  if (!values.apply && !values.json) surroundings.out('\nNothing is cancelled yet: add --apply.');
  return EXIT.ok;
};
