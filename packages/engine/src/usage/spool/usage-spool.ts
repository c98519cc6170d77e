/**
 * Usage rows of work done without Redis, in files of this process: written before the answer goes out, stored in the database
 * as soon as it takes them, and by another process should this one die.
 *
 * What is promised: a line outlives its process from the moment at which it is written (`kill -9` included), and a loss of power
 * after at most a second (fdatasync once a second). A file may be stored twice, which changes nothing: rows have ids.
 */
import { appendFile, mkdir, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RequestHead } from '@llm-gateway/queue';
import type { Logger, UsageAttempt, UsageEvent } from '@llm-gateway/shared';
import { Heir, SILENCE_MS } from './heir.js';
import { aliveFile, refuseShared, segmentFile, unlessMissing, type SegmentName } from './segment.js';
import { SpoolFile } from './spool-file.js';
import { eventLine, openLine, type OpenRequest } from './spool-line.js';
import { storeSegment, type SegmentSink } from './store-segment.js';

const STORE_EVERY_MS = 200;
const LONGEST_RETRY_MS = 2_000;
const BEAT_MS = 1_000;
/** A disk that does not answer must hold up neither a call nor an answer. */
const PATIENCE_MS = 50;

export interface SpoolOptions {
  directory: string;
  /** This process: letters, digits and dashes. */
  owner: string;
  maxBytes: number;
  store: SegmentSink['store'];
  logger: Logger;
  /** Default 10 s. */
  silenceMs?: number;
}

interface Pending {
  text: string;
  isEvent: boolean;
  written: () => void;
}

export class UsageSpool {
  readonly #options: SpoolOptions;
  readonly #timers: NodeJS.Timeout[] = [];
  /** Requests under way: their lines move along with the file that is being written. */
  readonly #open = new Map<string, OpenRequest>();
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #file: SpoolFile | null = null;
  /** Written to no more, and yet to be stored; oldest first. */
  readonly #full: { path: string; bytes: number }[] = [];
  #numbers = 0;
  /** One thing at a time is done with the file. */
  #turn: Promise<void> = Promise.resolve();
  #writing = false;
  #failing = false;
  #storing: Promise<void> | null = null;
  readonly #heir: Heir;
  /** Lines of the file that is being stored. It is read again for as long as the store is away. */
  readonly #aside = new Set<string>();
  #retryMs = 0;
  #retryAt = 0;

  constructor(options: SpoolOptions) {
    this.#options = options;
    const { directory, owner, silenceMs = SILENCE_MS, logger } = options;
    this.#heir = new Heir({
      ...{ directory, owner, silenceMs, logger, spool: this },
      nextNumber: () => ++this.#numbers,
      inNobodysHands: (list) => this.#inNobodysHands(list),
      adopt: (files) => this.#full.push(...files),
    });
  }

  /** @throws Error where the directory cannot be written, or is not ours alone: a fault in the settings. */
  async start(): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    await refuseShared(this.#options.directory);
    await this.#sayAlive();
    await this.#heir.look();
    this.#timers.push(
      setInterval(() => void this.#beat(), BEAT_MS),
      setInterval(() => void this.#storeAll(), STORE_EVERY_MS),
    );
    for (const timer of this.#timers) timer.unref();
  }

  /** What is written and not stored yet. */
  get bytes(): number {
    return this.#bytes();
  }

  /**
   * False while its bound is reached, or the disk does not take it: then nothing may be done whose row could be lost.
   * @param promised bytes that will come of what is under way.
   */
  hasRoom(promised = 0): boolean {
    return !this.#failing && this.#bytes() + promised < this.#options.maxBytes;
  }

  /** Before a provider call: should this process die over it, this is what its row is made from. Resolves late rather than never. */
  async opened(head: RequestHead, attempts: UsageAttempt[]): Promise<void> {
    const open = { head, attempts };
    this.#open.set(head.id, open);
    await this.#append(openLine(open), false);
  }

  /** A request has ended. Resolves when its row outlives this process, or late rather than never; it is on its way when this returns. */
  async record(event: UsageEvent): Promise<void> {
    if (event.log) this.#open.delete(event.log.id);
    await this.#append(eventLine(event), true);
  }

  /** Stores what it can within `withinMs`; the rest is the next process's. */
  async close(withinMs: number): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([this.#storeLast(), tooLate]);
    clearTimeout(timer);
    const file = this.#file;
    this.#file = null;
    await file?.sync().catch(() => undefined);
    await file?.close().catch(() => undefined);
    if (file?.events === 0 && this.#open.size === 0) await unlink(file.path).catch(() => undefined);
    await unlink(this.#path(aliveFile(this.#options.owner))).catch(() => undefined);
  }

  #bytes(): number {
    return this.#full.reduce((sum, { bytes }) => sum + bytes, this.#pendingBytes + (this.#file?.bytes ?? 0));
  }

  #path(name: string): string {
    return join(this.#options.directory, name);
  }

  async #append(text: string, isEvent: boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    const written = new Promise<void>((resolve) => this.#pending.push({ text, isEvent, written: resolve }));
    this.#pendingBytes += text.length;
    void this.#write();
    await Promise.race([written, late]);
    clearTimeout(timer);
  }

  /** What has come in while the last lines were written goes with the next write. */
  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        await this.#exclusively(() => this.#writeBatch(batch));
        this.#pendingBytes -= batch.reduce((sum, { text }) => sum + text.length, 0);
        this.#failing = false;
        for (const { written } of batch) written();
      } catch (error) {
        this.#pending = [...batch, ...this.#pending];
        if (!this.#failing) this.#options.logger.error({ err: error }, 'usage rows cannot be written to the spool, trying again');
        this.#failing = true;
        await this.#exclusively(() => this.#giveUpFile());
        await new Promise((resolve) => setTimeout(resolve, BEAT_MS));
      }
    }
    this.#writing = false;
  }

  async #writeBatch(batch: readonly Pending[]): Promise<void> {
    const text = batch.map((line) => line.text).join('');
    const events = batch.filter((line) => line.isEvent).length;
    this.#file ??= await this.#newFile();
    if (await this.#file.append(text, events)) return;
    // We stood still for so long that another process has taken our files over: what it may not have read is written again.
    await this.#file.close();
    this.#file = await this.#newFile();
    await this.#file.append(text, events);
  }

  /** What stands in it is stored, after the next look at the files. */
  async #giveUpFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    if (file?.bytes === 0) await file.discard();
    else await file?.close().catch(() => undefined);
  }

  /** With the requests under way in it, so that the files before it can go. */
  async #newFile(): Promise<SpoolFile> {
    const { owner, directory } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await this.#sayAlive();
    const file = await SpoolFile.create(this.#path(segmentFile({ holder: owner, number: ++this.#numbers, writer: owner })));
    if (this.#open.size === 0) return file;
    try {
      await file.append([...this.#open.values()].map(openLine).join(''), 0);
    } catch (error) {
      await file.discard();
      throw error;
    }
    return file;
  }

  async #exclusively(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** One run at a time; after a failure the next waits a little longer. */
  async #storeAll(): Promise<void> {
    if (this.#storing || Date.now() < this.#retryAt) return;
    this.#storing = this.#storeFiles()
      .then(() => {
        this.#retryMs = 0;
      })
      .catch((error: unknown) => {
        if (this.#retryMs === 0) this.#options.logger.warn({ err: error }, 'usage rows wait in the spool');
        this.#retryMs = Math.min(Math.max(STORE_EVERY_MS, this.#retryMs * 2), LONGEST_RETRY_MS);
        this.#retryAt = Date.now() + this.#retryMs;
      })
      .finally(() => (this.#storing = null));
    return this.#storing;
  }

  async #storeFiles(): Promise<void> {
    const { store } = this.#options;
    // One file waits to be stored while one is written, however long that takes.
    if (this.#full.length === 0) await this.#exclusively(() => this.#turnPage());
    for (let next = this.#full[0]; next; next = this.#full[0]) {
      const { path } = next;
      await storeSegment(path, { store, setAside: (line, reason) => this.#setAside(line, reason) });
      await this.#exclusively(() => this.#carryOpen());
      await unlink(path).catch(unlessMissing);
      this.#full.shift();
      this.#aside.clear();
    }
  }

  async #turnPage(): Promise<void> {
    const file = this.#file;
    if (!file || file.events === 0) return;
    this.#file = await this.#newFile();
    this.#full.push({ path: file.path, bytes: file.bytes });
    await file.close();
  }

  /** Before an older file goes: the requests under way may stand in that one alone. */
  async #carryOpen(): Promise<void> {
    if (this.#open.size > 0) this.#file ??= await this.#newFile();
  }

  async #storeLast(): Promise<void> {
    await this.#storing;
    while (this.#pending.length > 0 || this.#writing) await new Promise((resolve) => setTimeout(resolve, 5));
    // The first may find an older file in the way of the last.
    for (let i = 0; i < 2; i++) await this.#storeFiles().catch(() => undefined);
  }

  async #beat(): Promise<void> {
    try {
      const now = new Date();
      await utimes(this.#path(aliveFile(this.#options.owner)), now, now).catch(() => this.#sayAlive());
      await this.#exclusively(async () => this.#file?.sync());
      await this.#heir.look();
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'the spool could not be looked after, trying again');
    }
  }

  async #sayAlive(): Promise<void> {
    await writeFile(this.#path(aliveFile(this.#options.owner)), '', { mode: 0o600 });
  }

  /** Ours by their names, and neither being written nor in line to be stored. */
  async #inNobodysHands(list: () => Promise<SegmentName[]>): Promise<SegmentName[]> {
    let left: SegmentName[] = [];
    await this.#exclusively(async () => {
      // In this order: what is stored meanwhile is known.
      const known = new Set([this.#file?.path, ...this.#full.map(({ path }) => path)]);
      const names = await list();
      left = names.filter((name) => name.holder === this.#options.owner && !known.has(this.#path(segmentFile(name))));
    });
    return left;
  }

  async #setAside(line: string, reason: string): Promise<void> {
    if (this.#aside.has(line)) return;
    this.#options.logger.error({ reason }, 'a usage row will never be stored, it is put aside in the spool');
    await appendFile(this.#path(`${this.#options.owner}.bad`), `${line}\n`, { mode: 0o600 });
    this.#aside.add(line);
  }
}
