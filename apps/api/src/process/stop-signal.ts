/** Runs `stop` once: on SIGTERM, on SIGINT, or when the parent that started us with a channel is gone. */
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
