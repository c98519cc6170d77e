import type { ServerResponse } from 'node:http';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { UpstreamAnswer, UpstreamCall } from './upstream.js';
import { vendorBody } from './vendor-wire.js';

/** Answers as told. Rejects when the caller hangs up meanwhile. */
export async function sendAnswer(
  response: ServerResponse,
  call: UpstreamCall,
  answer: UpstreamAnswer,
  gone: AbortSignal,
): Promise<void> {
  if (answer.delayMs) await wait(answer.delayMs, undefined, { signal: gone });
  if (answer.hang === 'headers') return untilGone(gone);
  if (answer.cut === 'headers') return cut(response);
  if (answer.endless) return withoutEnd(response, gone);
  const body = Buffer.from(vendorBody(call, answer));
  response.writeHead(answer.status ?? 200, {
    'content-type': 'application/json',
    'content-length': body.length,
    'x-request-id': `standin-${call.number}`,
    ...answer.headers,
  });
  if (answer.hang === 'body' || answer.cut === 'body') {
    await new Promise<void>((sent) => response.write(body.subarray(0, body.length >> 1), () => sent()));
    return answer.hang ? untilGone(gone) : cut(response);
  }
  if (answer.drip) await drip(response, body, answer.drip, gone);
  else response.end(body);
}

async function drip(
  response: ServerResponse,
  body: Buffer,
  { everyMs, bytes = 1 }: NonNullable<UpstreamAnswer['drip']>,
  gone: AbortSignal,
) {
  for (let at = 0; at < body.length; at += bytes) {
    response.write(body.subarray(at, at + bytes));
    await wait(everyMs, undefined, { signal: gone });
  }
  response.end();
}

async function withoutEnd(response: ServerResponse, gone: AbortSignal): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  const piece = Buffer.alloc(65_536, ' ');
  const left = untilGone(gone);
  while (!gone.aborted) {
    if (response.write(piece)) await wait(0);
    else await Promise.race([once(response, 'drain'), left]);
  }
}

function untilGone(gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => (gone.aborted ? resolve() : gone.addEventListener('abort', () => resolve(), { once: true })));
}

function cut(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}
