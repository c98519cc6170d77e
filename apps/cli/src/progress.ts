const EVERY_MS = 2_000;

/** Says how far a long command has come, not more often than is read. */
export class Progress {
  private saidAt = Date.now();

  constructor(private readonly note: (line: string) => void) {}

  say(line: () => string): void {
    if (Date.now() - this.saidAt < EVERY_MS) return;
    this.saidAt = Date.now();
    this.note(line());
  }
}
