/** From a spool's file into the store: every event, in batches, as often as it takes. */
import { open, type FileHandle } from 'node:fs/promises';
import { isDataError } from '@llm-gateway/db';
import type { UsageEvent } from '@llm-gateway/shared';
import { isMissing } from './segment.js';
import { readLine, type OpenRequest, type SpoolLine } from './spool-line.js';

const BATCH = 500;

export interface SegmentSink {
  /** Once or many times, the rows are the same. @throws while they cannot be stored. */
  store(events: readonly UsageEvent[]): Promise<void>;
  /** What will never be stored, for a person to look at. */
  setAside(line: string, reason: string): Promise<void>;
}

/** @throws what `store` throws; then the file is to be stored again, from its beginning. */
export async function storeSegment(path: string, sink: SegmentSink): Promise<void> {
  let batch: UsageEvent[] = [];
  for await (const line of linesOf(path, sink)) {
    if (line.kind === 'event') batch.push(line.event);
    if (batch.length < BATCH) continue;
    await storeBatch(batch, sink);
    batch = [];
  }
  await storeBatch(batch, sink);
}

/** @returns the requests whose beginning stands in these files and whose end does not: their process died over them. */
export async function unendedIn(paths: readonly string[], sink: SegmentSink): Promise<OpenRequest[]> {
  const begun = new Map<string, OpenRequest>();
  const ended = new Set<string>();
  for (const path of paths) {
    for await (const line of linesOf(path, sink)) {
      if (line.kind === 'open') begun.set(line.open.head.id, line.open);
      else if (line.event.log) ended.add(line.event.log.id);
    }
  }
  return [...begun.values()].filter(({ head }) => !ended.has(head.id));
}

/** The last line may be torn, by the end of the process that was writing it. */
async function* linesOf(path: string, sink: SegmentSink): AsyncGenerator<SpoolLine> {
  const file = await openUnlessGone(path);
  if (!file) return;
  try {
    let unreadable: string | null = null;
    for await (const text of file.readLines()) {
      if (unreadable !== null) await sink.setAside(unreadable, 'not a line of this version');
      const line = readLine(text);
      unreadable = line ? null : text;
      if (line) yield line;
    }
  } finally {
    await file.close();
  }
}

async function openUnlessGone(path: string): Promise<FileHandle | null> {
  try {
    return await open(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** One that the database refuses goes aside alone: halve until it is. */
async function storeBatch(events: readonly UsageEvent[], sink: SegmentSink): Promise<void> {
  const [only] = events;
  if (!only) return;
  try {
    await sink.store(events);
  } catch (error) {
    if (!isDataError(error)) throw error;
    if (events.length === 1) {
      await sink.setAside(JSON.stringify({ event: only }), error instanceof Error ? error.message : 'refused by the database');
      return;
    }
    const half = Math.ceil(events.length / 2);
    await storeBatch(events.slice(0, half), sink);
    await storeBatch(events.slice(half), sink);
  }
}
