/** The file that a process appends to just now. */
import { open, stat, unlink, type FileHandle } from 'node:fs/promises';
import { isMissing } from './segment.js';

export class SpoolFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #inode: number;
  #dirty = false;
  bytes = 0;
  /** Lines that are worth storing. */
  events = 0;

  private constructor(path: string, handle: FileHandle, inode: number) {
    this.path = path;
    this.#handle = handle;
    this.#inode = inode;
  }

  /** A new one. @throws where it cannot be made, or is there already. */
  static async create(path: string): Promise<SpoolFile> {
    const handle = await open(path, 'ax', 0o600);
    return new SpoolFile(path, handle, (await handle.stat()).ino);
  }

  /**
   * In the kernel's hands when this resolves, so it outlives this process; the disk's within a second ({@link sync}).
   * @returns false where the file is no longer ours: another process took us for dead, and may have read it before this.
   * @throws where it cannot be written, or nobody can tell whose it is.
   */
  async append(text: string, events: number): Promise<boolean> {
    await this.#handle.appendFile(text);
    this.#dirty = true;
    this.bytes += Buffer.byteLength(text);
    this.events += events;
    try {
      return (await stat(this.path)).ino === this.#inode;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async sync(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    await this.#handle.datasync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** For one that holds nothing whose loss would be felt. */
  async discard(): Promise<void> {
    await this.close().catch(() => undefined);
    await unlink(this.path).catch(() => undefined);
  }
}
