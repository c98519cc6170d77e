import { mkdirSync, openSync, closeSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BEAT_MS = 1_000;
// A holder that has not touched its file for this long is dead: a pid would not tell, for another process may have it by now.
const DEAD_AFTER_MS = 15_000;

/** Runs `work` while no other process on this machine holds the lock `file`. */
export async function withLock(file, work) {
  await acquire(file);
  const beat = setInterval(() => touch(file), BEAT_MS);
  const release = () => {
    clearInterval(beat);
    rmSync(file, { force: true });
  };
  const interrupted = (signal) => {
    release();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await work();
  } finally {
    release();
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
}

async function acquire(file) {
  mkdirSync(dirname(file), { recursive: true });
  for (let tries = 0; !tryToCreate(file); tries++) {
    if (tries === 5) console.error('waiting for another set-up of this checkout');
    if (ageMs(file) > DEAD_AFTER_MS) rmSync(file, { force: true });
    else await sleep(200);
  }
}

function touch(file) {
  try {
    utimesSync(file, new Date(), new Date());
  } catch {
    // Taken from us after a long sleep of this machine: the other one does the same work.
  }
}

function tryToCreate(file) {
  try {
    const descriptor = openSync(file, 'wx');
    writeSync(descriptor, `${process.pid}\n`);
    closeSync(descriptor);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function ageMs(file) {
  return Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
}
