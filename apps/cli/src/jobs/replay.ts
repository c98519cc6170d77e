import { EXIT, type Command, type ExitCode } from '../command.js';
import { count, table } from '../table.js';
import { callGateway } from './gateway.js';
import { FILTER_OPTIONS, readCount, readIdsAndOptions, toFilter } from './options.js';

const OPTIONS = {
  ...FILTER_OPTIONS,
  'on-provider': { type: 'string' },
  'on-model': { type: 'string' },
  timeout: { type: 'string', default: '600' },
  max: { type: 'string', default: '1000' },
  again: { type: 'boolean', default: false },
  apply: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

interface Answer {
  matched: number;
  already_replayed: number;
  replayed: number;
  remaining: number;
  jobs: { id: string; replay: string | null }[];
  refused: { id: string; code: string; message: string }[];
  stopped: string | null;
}

/** Says which jobs would be run again; with `--apply` does it. Exits with 2 where some were turned away. */
export const replayJobs: Command = async (args, surroundings): Promise<ExitCode> => {
  const { values, ids } = readIdsAndOptions(args, OPTIONS);
  const answer = await callGateway<Answer>(surroundings, 'POST', '/api/v1/jobs/replay', {
    filter: { ...toFilter(values), ...(ids.length > 0 && { ids }) },
    ...(values['on-provider'] !== undefined && { provider: values['on-provider'] }),
    ...(values['on-model'] !== undefined && { model: values['on-model'] }),
    timeout_ms: readCount('timeout', values.timeout, 600) * 1_000,
    max: readCount('max', values.max, 1_000),
    again: values.again,
    dry_run: !values.apply,
  });
  surroundings.out(values.json ? JSON.stringify(answer, null, 2) : replayText(answer, values.apply));
  return answer.refused.length > 0 || answer.stopped !== null ? EXIT.found : EXIT.ok;
};

function replayText(answer: Answer, applied: boolean): string {
  const lines = [
    `${count(answer.matched)} jobs match, ${count(answer.already_replayed)} more have been run again before.`,
    `${count(answer.replayed)} ${applied ? 'are queued again' : 'would be run again'}, ${count(answer.remaining)} remain.`,
  ];
  const rows = answer.jobs.map(({ id, replay }) => [id, replay ?? '']);
  if (rows.length > 0) lines.push('', table(['job', applied ? 'runs again as' : ''], rows, new Set()));
  if (answer.refused.length > 0) {
    const refused = answer.refused.map(({ id, code, message }) => [id, code, message]);
    lines.push('', table(['turned away', 'code', 'why'], refused, new Set()));
  }
  if (answer.stopped !== null) lines.push('', `Stopped early: ${answer.stopped}`);
  if (!applied) lines.push('', 'Nothing is run yet: add --apply.');
  return lines.join('\n');
}
