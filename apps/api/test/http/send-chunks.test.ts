import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import { sendChunks } from '../../src/http/send-chunks.js';
import { eventually } from '../support/eventually.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(chunks: () => AsyncIterable<string>, onDone: () => void = () => undefined): Promise<number> {
  const app = express();
  app.get('/', async (_req, res) => {
    await sendChunks(res, { 'Content-Type': 'text/csv' }, chunks());
    onDone();
  });
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const MEGABYTE = 'x'.repeat(1_048_576);

describe('a streamed answer', () => {
  it('makes no more than the caller reads, and stops when the caller hangs up', async () => {
    let made = 0;
    let cleaned = false;
    let done = false;
    async function* endless() {
      try {
        for (; made < 10_000; made++) yield await Promise.resolve(MEGABYTE);
      } finally {
        cleaned = true;
      }
    }
    const port = await serve(endless, () => (done = true));
    const caller = connect(port, '127.0.0.1');
    caller.pause();
    caller.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    // The kernel's buffers take a few MB; after that the maker stands still.
    let before = 0;
    let looks = 0;
    const stands = () => {
      looks = made > 0 && made === before ? looks + 1 : 0;
      before = made;
      return Promise.resolve(looks);
    };
    await eventually(stands, (count) => count >= 10);
    expect(made).toBeLessThan(64);
    caller.destroy();
    await eventually(
      () => Promise.resolve(cleaned && done),
      (ended) => ended,
    );
  });

  it('makes nothing for who asks for the headers alone', async () => {
    let made = 0;
    const port = await serve(async function* () {
      for (; made < 10; made++) yield await Promise.resolve(MEGABYTE);
    });
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'HEAD' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringMatching('^text/csv')]);
    expect(made).toBe(0);
  });

  it('answers an error before the first chunk as any error', async () => {
    const port = await serve(async function* () {
      await Promise.resolve();
      if (MEGABYTE) throw new Error('no database');
      yield '';
    });
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(500);
  });
});
