/**
 * What processes left in the spool when they died: their files become this process' own, and each request that they died over gets a row.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@llm-gateway/shared';
import { lostEvent } from '../../finish/lost-event.js';
import { listSegments, segmentFile, takeOver, type SegmentName } from './segment.js';
import type { OpenRequest } from './spool-line.js';
import { unendedIn } from './store-segment.js';
import type { UsageSpool } from './usage-spool.js';

/** A process that was silent for this long counts as dead, and its files are another's. */
export const SILENCE_MS = 10_000;

export interface Estate {
  directory: string;
  /** This process. */
  owner: string;
  silenceMs: number;
  nextNumber: () => number;
  /** @returns our files that are in nobody's hands: written to by none, and in no line to be stored. */
  inNobodysHands: (list: () => Promise<SegmentName[]>) => Promise<SegmentName[]>;
  /** Takes them into the line of those to be stored. */
  adopt: (files: { path: string; bytes: number }[]) => void;
  spool: Pick<UsageSpool, 'opened' | 'record'>;
  logger: Logger;
}

export class Heir {
  readonly #estate: Estate;
  #looking = false;
  /** Requests of a process that was taken for dead, and may have stood still only: their time is not over. */
  readonly #inherited = new Map<string, OpenRequest>();

  constructor(estate: Estate) {
    this.#estate = estate;
  }

  /** Files that were left, by the dead or after an error of ours. One look at a time. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.#take();
    } finally {
      this.#looking = false;
    }
    for (const open of this.#inherited.values()) if (isOver(open)) this.#bury(open);
  }

  async #take(): Promise<void> {
    const { directory, owner, silenceMs, nextNumber, inNobodysHands, adopt, logger } = this.#estate;
    await takeOver(directory, owner, silenceMs, nextNumber);
    const left = await inNobodysHands(() => listSegments(directory));
    for (const writer of new Set(left.map((name) => name.writer))) {
      const paths = left.filter((name) => name.writer === writer).map((name) => join(directory, segmentFile(name)));
      if (writer !== owner) {
        logger.info({ writer, files: paths.length }, 'usage rows of a process that has ended are taken over');
        await this.#inherit(paths);
      }
      const sizes = await Promise.all(paths.map((path) => stat(path)));
      adopt(paths.map((path, i) => ({ path, bytes: sizes[i]?.size ?? 0 })));
    }
  }

  /** In a file of ours before theirs can go. Who only stood still may yet answer, and its row is the true one. */
  async #inherit(paths: readonly string[]): Promise<void> {
    for (const open of await unendedIn(paths, { store: () => Promise.resolve(), setAside: () => Promise.resolve() })) {
      this.#inherited.set(open.head.id, open);
      await this.#estate.spool.opened(open.head, open.attempts);
    }
  }

  #bury(open: OpenRequest): void {
    this.#inherited.delete(open.head.id);
    void this.#estate.spool.record(lostEvent(open));
  }
}

const isOver = ({ head }: OpenRequest): boolean => head.deadline <= Date.now();
