/** Whoever may enter a URL may try to reach what only the gateway's host can. Nothing of it may arrive at the canary. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { lookup } from 'node:dns';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { PROVIDER_TYPES } from '@llm-gateway/shared';
import { request } from 'undici';
import { guardedAgent } from '../src/egress/agent.js';
import { checkBaseUrl, checkWebhookUrl, createProvider, parseEgressAllow, postWebhook } from '../src/index.js';
import { API_KEY, callTo, failureOf, never } from './support/calls.js';

const NOTHING = parseEgressAllow('');

let canary: Server;
let port: number;
let hits = 0;
beforeAll(async () => {
  // Any connection is a hit, whatever is said on it. All addresses of this machine, of both families.
  canary = createServer((socket) => {
    hits++;
    socket.destroy();
  }).listen(0, '::');
  await once(canary, 'listening');
  port = (canary.address() as AddressInfo).port;
});
afterAll(() => void canary.close());
beforeEach(() => void (hits = 0));

const call = (baseUrl: string, rules = NOTHING) =>
  failureOf(createProvider({ type: 'custom', apiKey: API_KEY, baseUrl, egressAllow: rules }).generate(callTo('custom'), never()));
const hook = (url: string, rules = NOTHING) => postWebhook({ url, headers: {}, body: '{}', timeoutMs: 3_000, rules });

describe('the canary', () => {
  it('hears whoever gets through', async () => {
    const rules = parseEgressAllow('127.0.0.0/8');
    expect(await call(`http://127.0.0.1:${port}`, rules)).toMatchObject({ fault: 'network' });
    await hook(`http://127.1:${port}`, rules);
    expect(hits).toBe(2);
  });
});

const SPELLINGS = [
  ...[
    '127.0.0.1',
    '127.0.0.1.',
    '127.1',
    '127.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '017700000001',
    '0x7f.0.0.0x1',
  ],
  ...[
    '127.255.255.254',
    '0.0.0.0',
    '0',
    '[::1]',
    '[::]',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
  ],
  ...['[::ffff:0:127.0.0.1]', '[64:ff9b::127.0.0.1]', '[64:ff9b:1::7f00:1]', '[2002:7f00:1::]', '[2001:0:7f00:1::]', '[fe80::1]'],
  ...[
    'localhost',
    'LOCALHOST',
    'localhost.',
    'localhost..',
    'x.localhost',
    '１２７.0.0.1',
    '①②⑦.⓪.⓪.①',
    '127。0。0。1',
    'ｌｏｃａｌｈｏｓｔ',
    'loc%61lhost',
  ],
  ...[
    '169.254.169.254',
    '2852039166',
    '[::ffff:a9fe:a9fe]',
    '100.100.100.200',
    'metadata.google.internal',
    'metadata.google.internal.',
  ],
];

describe('an address that is not public, however it is spelled', () => {
  it.each(SPELLINGS)('%s is refused when it is saved, and not connected to by whoever has it all the same', async (host) => {
    const url = `http://${host}:${port}/v1`;
    expect(checkBaseUrl(url, NOTHING)).not.toBeNull();
    expect(checkWebhookUrl(url, NOTHING)).not.toBeNull();
    expect(await call(url)).toMatchObject({ fault: 'network', maybeBilled: false });
    expect(await hook(url)).not.toBeNull();
    if (URL.canParse(url))
      await expect(request(url, { dispatcher: guardedAgent(NOTHING, pretending('127.0.0.1')) })).rejects.toThrow('egress');
    expect(hits).toBe(0);
  });

  it.each([
    'user@127.0.0.1',
    'example.com@127.0.0.1',
    'user:pw@example.com',
    '127.0.0.1\\@example.com',
    'example.com#@127.0.0.1',
  ])('http://%s, which looks like another, is refused', async (authority) => {
    expect(checkBaseUrl(`http://${authority}:${port}/`, NOTHING)).not.toBeNull();
    await call(`http://${authority}:${port}/`);
    expect(hits).toBe(0);
  });
});

/** A name server of the attacker's: gives these answers, one after the other, the last for ever. */
function pretending(...answers: string[]): typeof lookup {
  const asked = (
    _host: string,
    _options: object,
    callback: (error: null, found: { address: string; family: number }[]) => void,
  ) => {
    const address = (answers.length > 1 ? answers.shift() : answers[0]) ?? '';
    callback(null, [{ address, family: address.includes(':') ? 6 : 4 }]);
  };
  return asked as unknown as typeof lookup;
}

describe('a public name', () => {
  const reach = (resolve: typeof lookup, host: string, { scheme = 'https', rules = NOTHING } = {}) =>
    request(`${scheme}://${host}:${port}/`, { dispatcher: guardedAgent(rules, resolve) });

  it.each(['127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254', '10.0.0.1', 'fd00::1'])(
    'that resolves to %s, as nip.io would, passes when it is saved and is refused at the connection',
    async (address) => {
      const host = `${address.replace(/[:.]+/g, '-')}.nip.io`;
      expect(checkBaseUrl(`https://${host}:${port}/`, NOTHING)).toBeNull();
      for (const scheme of ['https', 'http'])
        await expect(reach(pretending(address), host, { scheme })).rejects.toThrow(/not on the egress allow list/);
      expect(hits).toBe(0);
    },
  );

  it('that is rebound after the first look is refused at the next connection: the address checked is the address called', async () => {
    const hostile = pretending('192.0.2.1', '127.0.0.1');
    await expect(reach(hostile, 'rebind.example')).rejects.toThrow(/not on the egress allow list/);
    for (const scheme of ['https', 'http', 'https'])
      await expect(reach(hostile, 'rebind.example', { scheme })).rejects.toThrow(/not on the egress allow list/);
    expect(hits).toBe(0);
  });

  it('is sent nothing in clear text, be it that a range is allowed in which it says to lie when it is saved', async () => {
    const rules = parseEgressAllow('127.0.0.0/8');
    expect(checkBaseUrl('http://public.example', rules)).toBeNull();
    await expect(reach(pretending('203.0.113.7', '8.8.8.8'), 'public.example', { scheme: 'http', rules })).rejects.toThrow(
      /plain http goes nowhere else/,
    );
    await expect(reach(pretending('8.8.8.8'), 'public.example', { scheme: 'http', rules })).rejects.toThrow(
      /plain http goes nowhere else/,
    );
    await reach(pretending('127.0.0.1'), 'inside.example', { scheme: 'http', rules }).catch(() => undefined);
    expect(hits).toBe(1);
  });
});

describe('a redirect', () => {
  let vendor: HttpServer;
  let origin: string;
  let status = 302;
  const seen: (string | undefined)[] = [];
  beforeAll(async () => {
    vendor = createHttpServer((incoming, response) => {
      seen.push(incoming.url);
      incoming
        .resume()
        .once('end', () => response.writeHead(status, { location: `http://127.0.0.1:${port}/latest/meta-data` }).end());
    }).listen(0, '127.0.0.1');
    await once(vendor, 'listening');
    origin = `http://localhost:${(vendor.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    vendor.closeAllConnections();
    vendor.close();
  });

  // Even where the operator allows the target: a vendor does not choose whom we call.
  const rules = parseEgressAllow('localhost,127.0.0.1');

  it.each([301, 302, 303, 307, 308])('with %i is not followed, by no type of provider and no webhook', async (code) => {
    status = code;
    for (const type of PROVIDER_TYPES) {
      const provider = createProvider({ type, apiKey: API_KEY, baseUrl: origin, egressAllow: rules });
      expect(await failureOf(provider.generate(callTo(type), never()))).toMatchObject({ fault: 'bad_response' });
    }
    expect(await hook(`${origin}/hook`, rules)).toBe(`the receiver answered with status ${code}`);
    expect(hits).toBe(0);
    expect(seen.length).toBeGreaterThanOrEqual(PROVIDER_TYPES.length + 1);
  });
});

describe('the allow list', () => {
  it('is the only way around, and no wider than it says', async () => {
    const one = parseEgressAllow('127.0.0.2');
    expect(await call(`http://127.0.0.1:${port}`, one)).toMatchObject({ message: expect.stringContaining('egress allow list') });
    expect(await call(`http://localhost:${port}`, one)).toMatchObject({ fault: 'network' });
    expect(hits).toBe(0);
    await call(`http://127.0.0.2:${port}`, one);
    expect(hits).toBe(1);
  });
});
