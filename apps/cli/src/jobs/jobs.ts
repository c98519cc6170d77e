/** `jobs`: what waits, runs and has failed; and what is done about it. */
import { OperatorError, type Command } from '../command.js';
import { cancelJobs } from './cancel.js';
import { listJobs } from './list.js';
import { replayJobs } from './replay.js';
import { showJobs } from './show.js';

const ACTIONS: Readonly<Record<string, Command>> = {
  list: listJobs,
  show: showJobs,
  replay: replayJobs,
  cancel: cancelJobs,
};

export const jobs: Command = async ([action = '', ...args], surroundings) => {
  const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
  if (!run) throw new OperatorError(`say which: ${Object.keys(ACTIONS).join(', ')}`);
  return run(args, surroundings);
};
