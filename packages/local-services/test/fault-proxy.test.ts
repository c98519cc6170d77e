import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startFaultProxy, type FaultProxy } from '../src/index.js';

/** A server that says everything back. */
const echo = createServer((socket) => void socket.on('error', () => undefined).pipe(socket));
let proxy: FaultProxy;
let client: Socket;

beforeEach(async () => {
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await startFaultProxy((echo.address() as AddressInfo).port);
  client = connect(proxy.port, '127.0.0.1');
  client.on('error', () => undefined);
  await once(client, 'connect');
});

afterEach(async () => {
  client.destroy();
  await proxy.stop();
  echo.close();
  await once(echo, 'close');
});

async function heard(length: number): Promise<string> {
  let text = '';
  while (text.length < length) text += String((await once(client, 'data'))[0]);
  return text;
}

// Not `once`, which takes the reset for a failure.
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

describe('the fault proxy', () => {
  it('passes everything on where it is told nothing', async () => {
    client.write('hello');
    expect(await heard(5)).toBe('hello');
  });

  it.each(['requests', 'replies'] as const)(
    'holds %s back, shows them, and passes them on when it is told to',
    async (direction) => {
      proxy.set({ [direction]: { hold: true } });
      client.write('kept');
      while (proxy.held(direction) !== 'kept') await new Promise((resolve) => setImmediate(resolve));
      proxy.clear();
      expect(await heard(4)).toBe('kept');
      expect(proxy.held(direction)).toBe('');
    },
  );

  it('drips, late, and in order', async () => {
    proxy.set({ replies: { latencyMs: 20, drip: { bytes: 1, everyMs: 5 } } });
    const startedAt = performance.now();
    client.write('abcd');
    expect(await heard(4)).toBe('abcd');
    expect(performance.now() - startedAt).toBeGreaterThan(80);
  });

  it('cuts a connection after so many bytes', async () => {
    proxy.set({ replies: { cutAfterBytes: 3 } });
    let text = '';
    client.on('data', (piece) => (text += String(piece)));
    client.write('abcdef');
    await closed(client);
    expect('abc'.startsWith(text)).toBe(true);
  });

  it('resets what is open, and refuses what comes', async () => {
    client.write('up');
    await heard(2);
    expect(proxy.reset()).toBe(1);
    await closed(client);
    proxy.set({ refuse: true });
    const next = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
    await closed(next);
    expect(next.bytesRead).toBe(0);
  });
});
