/** What was started, to be stopped in reverse order: each thing goes before what it uses. */
export class StopList {
  private readonly entries: { name: string; stop: () => Promise<unknown> }[] = [];
  private readonly killers: (() => void)[] = [];
  private stopping: Promise<void> | undefined;

  /** @param complain is told of what could not be stopped. */
  constructor(private readonly complain: (line: string) => void) {}

  get isStopping(): boolean {
    return this.stopping !== undefined;
  }

  /**
   * Remembers something running. Stops it at once when the end has already begun.
   * @param kill ends it without ceremony, where that is safe.
   */
  async add(name: string, stop: () => Promise<unknown>, kill?: () => void): Promise<void> {
    this.entries.push({ name, stop });
    if (kill) this.killers.push(kill);
    if (this.stopping) await this.stopLast();
  }

  /** Stops everything, one after the other. Safe to call twice: both wait for the one end. */
  stopAll(): Promise<void> {
    return (this.stopping ??= (async () => {
      while (this.entries.length > 0) await this.stopLast();
    })());
  }

  /** For the impatient: what can be killed is; the rest ends kindly with this process. */
  killAll(): void {
    for (const kill of this.killers) kill();
  }

  private async stopLast(): Promise<void> {
    const entry = this.entries.pop();
    try {
      await entry?.stop();
    } catch (error) {
      this.complain(`could not stop ${entry?.name}: ${String(error)}`);
    }
  }
}
