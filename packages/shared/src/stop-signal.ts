/** How a process of ours ends. */
import type { Logger } from './logger.js';

/**
 * Runs `stop` once: on SIGTERM, on SIGINT, or when the parent that started us with a channel is gone. A second SIGINT exits at
 * once with 1. To be called before a process's first await: a parent that goes during the start is noticed as well.
 */
export function onStopSignal(stop: (reason: string) => Promise<void>): void {
  let stopping = false;
  const begin = (reason: string): void => {
    if (stopping) {
      // A terminal signals parent and child alike, so a SIGTERM or the end of the channel after it is the parent's, not impatience.
      if (reason === 'SIGINT') process.exit(1);
      return;
    }
    stopping = true;
    void stop(reason);
  };
  process.on('SIGTERM', () => begin('SIGTERM'));
  process.on('SIGINT', () => begin('SIGINT'));
  // A process without a channel has no `send`; one whose parent has gone already has it, and no connection.
  if (process.send === undefined) return;
  if (process.connected) process.on('disconnect', () => begin('disconnect'));
  else begin('disconnect');
}

/** What nobody caught, a rejected promise included, is logged in one line, and the process exits with 1: its state is unknown. */
export function endOnUnexpected(logger: Logger): void {
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'unexpected failure, the process ends');
    process.exit(1);
  });
}
