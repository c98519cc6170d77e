import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { checkWebhookUrl, parseEgressAllow, postWebhook } from '../src/index.js';

const LOOPBACK = parseEgressAllow('127.0.0.0/8');
const paths: string[] = [];
const answers: Record<string, RequestListener> = {
  '/accepts?token=1': (_request, response) => response.writeHead(204).end(),
  '/moved': (_request, response) => response.writeHead(302, { location: '/accepts?token=1' }).end(),
  '/fails': (_request, response) => response.writeHead(500).end('a long story'),
  '/hangs': () => undefined,
  '/accepts-and-hangs': (_request, response) => void response.writeHead(200).write('{"ok":'),
  '/accepts-and-breaks': (_request, response) => response.writeHead(200).write('{', () => response.destroy()),
  '/fails-and-hangs': (_request, response) => void response.writeHead(503).write('{"ok":'),
};

let server: Server;
let origin: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    paths.push(request.url ?? '');
    answers[request.url ?? '']?.(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const post = (path: string, rules = LOOPBACK) =>
  postWebhook({ url: `${origin}${path}`, headers: { 'content-type': 'application/json' }, body: '{}', timeoutMs: 300, rules });

describe('a webhook', () => {
  it('that is answered with 2xx has been accepted', async () => expect(await post('/accepts?token=1')).toBeNull());

  it('has been accepted with the status, whatever becomes of the rest of the answer', async () => {
    expect([await post('/accepts-and-hangs'), await post('/accepts-and-breaks')]).toEqual([null, null]);
    expect(await post('/fails-and-hangs')).toBe('the receiver answered with status 503');
  });

  it('is not accepted by an error, by silence, or by nobody', async () => {
    expect(await post('/fails')).toBe('the receiver answered with status 500');
    expect(await post('/hangs')).toBe('no answer within 300 ms');
    const url = 'http://127.0.0.1:1/closed';
    const nobody = postWebhook({ url, headers: {}, body: '{}', timeoutMs: 300, rules: LOOPBACK });
    expect(await nobody).toMatch(/^the receiver could not be reached/);
  });

  it('does not follow a redirect', async () => {
    paths.length = 0;
    expect(await post('/moved')).toBe('the receiver answered with status 302');
    expect(paths).toEqual(['/moved']);
  });

  it('is not sent to an address that the rules do not allow, whatever they were when it was saved', async () => {
    paths.length = 0;
    expect(await post('/accepts?token=1', parseEgressAllow(''))).toMatch(/^webhook_url points to 127\.0\.0\.1/);
    const local = `${origin.replace('127.0.0.1', 'localhost')}/accepts?token=1`;
    expect(checkWebhookUrl(local, parseEgressAllow(''))).not.toBeNull();
    expect(paths).toEqual([]);
  });
});
