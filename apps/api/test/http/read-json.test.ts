import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { request } from 'node:http';
import express from 'express';
import { errorHandler, notFound, type ErrorBody } from '../../src/http/errors.js';
import { readJson } from '../../src/http/read-json.js';
import { requestId } from '../../src/http/request-id.js';
import { listen, readableLogger, type Listening } from '../support/listen.js';

const MAX = 10_000;
const log = readableLogger('debug');
let server: Listening;

beforeAll(async () => {
  const app = express();
  app.use(requestId);
  app.post('/echo', readJson(MAX), (req, res) => {
    res.json({ body: req.body ?? 'none' });
  });
  app.get('/boom', () => {
    throw new Error('secret inside: postgres://user:pw@host');
  });
  app.use(notFound);
  app.use(errorHandler(log.logger));
  server = await listen(app);
});
afterAll(() => server.drain(1_000));

const post = (body: RequestInit['body'], headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  fetch(`${server.url}/echo`, { method: 'POST', body, headers, duplex: 'half' });

const errorOf = async (response: Response) => ((await response.json()) as ErrorBody).error;

function streamOf(chunk: string, times: number): ReadableStream<Uint8Array> {
  let left = times;
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(new TextEncoder().encode(chunk));
      else controller.close();
    },
  });
}

describe('readJson', () => {
  it.each([
    ['an object', '{"a":[1,"ü",null]}', { a: [1, 'ü', null] }],
    ['a byte order mark', '\ufeff{"a":1}', { a: 1 }],
    ['a name that merely contains proto', '{"my__proto__":1,"constructor":2}', { my__proto__: 1, constructor: 2 }],
  ])('reads %s', async (_what, body, expected) => {
    const response = await post(body);
    expect(await response.json()).toEqual({ body: expected });
  });

  it('reads a body that comes in pieces, cut in the middle of a character', async () => {
    const bytes = new TextEncoder().encode(JSON.stringify('ü'.repeat(100)));
    const pieces = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    expect(await (await post(pieces)).json()).toEqual({ body: 'ü'.repeat(100) });
  });

  it('takes a request without a body', async () => {
    expect(await (await post(null, {})).json()).toEqual({ body: 'none' });
  });

  it.each([
    ['malformed JSON', '{"a":', /not valid JSON/],
    ['plain text', 'hello', /not valid JSON/],
    ['__proto__ as a name', '{"a":{"__proto__":{"admin":true}}}', /__proto__/],
    ['__proto__ spelled in escapes', '{"\\u005f_proto__":{"admin":true}}', /__proto__/],
    ['constructor.prototype', '{"constructor":{"prototype":{"x":1}}}', /constructor/],
    ['bytes that are no UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22]), /UTF-8/],
  ])('refuses %s', async (_what, body, message) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ code: 'invalid_request', message: expect.stringMatching(message) });
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  it.each([
    ['no content type', {}],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['something like JSON', { 'content-type': 'application/jsonp' }],
    ['a compressed body', { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
  ])('refuses %s', async (_what, headers) => {
    const response = await post(new TextEncoder().encode('{}'), headers);
    expect(response.status).toBe(400);
    expect((await errorOf(response)).code).toBe('invalid_request');
  });

  it('takes a body of exactly the limit and refuses one byte more', async () => {
    const exact = JSON.stringify('x'.repeat(MAX - 2));
    expect((await post(exact)).status).toBe(200);
    expect((await post(`${exact} `)).status).toBe(413);
  });

  it('refuses a body over the limit that does not say how long it is', async () => {
    const response = await post(streamOf('[[[['.repeat(1_000), 30));
    expect(response.status).toBe(413);
    expect((await errorOf(response)).code).toBe('payload_too_large');
  });

  it('answers a large upload that it refuses before all of it has come', async () => {
    const head = ['POST /echo HTTP/1.1', 'Host: x', 'Content-Type: application/json', 'Content-Length: 5000000', '', ''].join(
      '\r\n',
    );
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    socket.write(head);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  it('cuts the line on a caller who goes on sending without end', async () => {
    const req = request({
      port: server.port,
      method: 'POST',
      path: '/echo',
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
    });
    req.on('response', (res) => res.resume()).on('error', () => undefined);
    const closed = new Promise<void>((resolve) => req.on('close', resolve));
    const pump = (): void => {
      while (!req.destroyed && req.write('x'.repeat(16_384)));
    };
    req.on('drain', pump);
    pump();
    await closed;
    expect(req.destroyed).toBe(true);
  });

  it('parses deep nesting', async () => {
    const startedAt = performance.now();
    const response = await post('['.repeat(100) + ']'.repeat(100));
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});

describe('every response', () => {
  it('echoes a sane request id and makes one in place of another', async () => {
    const echoed = async (id: string) =>
      (await fetch(`${server.url}/x`, { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await echoed('abc-1.2_3')).toBe('abc-1.2_3');
    expect(await echoed('a b')).toMatch(/^req_/);
    expect(await echoed('x'.repeat(129))).toMatch(/^req_/);
  });

  it("has the contract's body for a path that does not exist", async () => {
    const missing = await fetch(`${server.url}/nowhere`);
    expect([missing.status, await errorOf(missing)]).toMatchObject([404, { code: 'not_found', details: [] }]);
  });

  it('tells nothing of the inside when something unexpected fails, and logs it once', async () => {
    log.clear();
    const response = await fetch(`${server.url}/boom`, { headers: { 'x-request-id': 'boom-1' } });
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(JSON.parse(text)).toEqual({
      error: { code: 'internal', message: 'something went wrong on our side', request_id: 'boom-1', details: [] },
    });
    expect(log.lines().filter(({ requestId: id }) => id === 'boom-1')).toHaveLength(1);
  });

  it.each([
    ['garbage', 'not http at all\r\n\r\n', 400],
    ['headers over the limit', `GET / HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ])("has the contract's body for %s", async (_what, text, status) => {
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    socket.write(text);
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    await once(socket, 'close');
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject({ error: { code: 'invalid_request' } });
  });
});
