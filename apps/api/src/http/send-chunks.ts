import { once } from 'node:events';
import type { Response } from 'express';

/**
 * Sends chunks as fast as the caller reads them and no faster: the next is made when the last has left. Headers go out with the first
 * chunk, so that what fails before it is answered as any error; later failures cut the line. Ends early, and silently, when the caller
 * hangs up. Who asks for the headers alone (HEAD) gets them without a chunk being made.
 */
export async function sendChunks(res: Response, headers: Record<string, string>, chunks: AsyncIterable<string>): Promise<void> {
  if (res.req.method === 'HEAD') {
    res.set(headers).end();
    return;
  }
  for await (const chunk of chunks) {
    if (res.destroyed) return;
    if (!res.headersSent) res.set(headers);
    if (!res.write(chunk)) await drained(res);
  }
  if (!res.headersSent) res.set(headers);
  res.end();
}

async function drained(res: Response): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(res, 'drain', { signal }), once(res, 'close', { signal })]);
  } finally {
    // Else every wait would leave a listener behind.
    settled.abort();
  }
}
