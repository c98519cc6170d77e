import { expect, it } from '@jest/globals';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { failureOf, generate } from './support/calls.js';

it('keeps the deadline while a connection is still being set up', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  try {
    const started = performance.now();
    const failure = await failureOf(
      generate('openai', `https://127.0.0.1:${(silent.address() as AddressInfo).port}/v1`, { timeoutMs: 300 }),
    );
    expect(failure.fault).toBe('timeout');
    expect(performance.now() - started).toBeLessThan(1_500);
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});
