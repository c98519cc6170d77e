/** What an export of a million rows costs the API process in memory, whether its reader is quick or slow. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { END, START } from './database.mjs';
import { startApi } from './gateway.mjs';

const TARGET_MB = 200;
const SAMPLE_EVERY_MS = 100;

/** As a process whose files go over a line of about this many bytes a second. */
export const SLOW = 8_000_000;

/**
 * @param range of about a million rows. @param bytesASecond the reader's pace; Infinity: as fast as it comes.
 * @returns a line: the API's largest resident memory while the file went out, in MB.
 */
export async function measureExport(databaseUrl, { what, range, bytesASecond, say }) {
  const api = await startApi(databaseUrl);
  const memory = watchMemory(api.pid);
  try {
    const path = `export.csv?from=${range.from.toISOString()}&to=${range.to.toISOString()}`;
    const started = performance.now();
    const response = await api.get(path);
    const read = { bytes: 0, rows: -1, saidAt: started }; // the header is no row
    for await (const chunk of response.body) {
      read.bytes += chunk.length;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) read.rows += 1;
      await keepPace(read, started, bytesASecond);
      if (performance.now() - read.saidAt > 10_000) {
        read.saidAt = performance.now();
        say(`${what}: ${read.rows} rows, ${Math.round(await memory.now())} MB`);
      }
    }
    const seconds = (performance.now() - started) / 1_000;
    return { what, rows: read.rows, mb: read.bytes / 1e6, seconds, peak_rss_mb: await memory.peak(), target: TARGET_MB };
  } finally {
    memory.stop();
    await api.stop();
  }
}

async function keepPace({ bytes }, started, bytesASecond) {
  const ahead = (bytes / bytesASecond) * 1_000 - (performance.now() - started);
  if (ahead > 0) await sleep(ahead);
}

function watchMemory(pid) {
  let highest = 0;
  // Linux tells; elsewhere this bench does not run.
  const field = async (name) =>
    Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]) / 1_000;
  const now = async () => {
    const rss = await field('VmRSS');
    highest = Math.max(highest, rss);
    return rss;
  };
  const timer = setInterval(() => void now().catch(() => undefined), SAMPLE_EVERY_MS);
  return { now, peak: async () => Math.max(highest, await field('VmHWM')), stop: () => clearInterval(timer) };
}

/** The days before the year's end that hold about so many rows. */
export function rangeOfRows(rows, all) {
  const share = Math.min(1, rows / all);
  return { from: new Date(END.getTime() - share * (END.getTime() - START.getTime())), to: END };
}
