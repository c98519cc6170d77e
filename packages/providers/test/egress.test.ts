import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { agentFor } from '../src/egress/agent.js';
import { checkBaseUrl, createProvider, parseEgressAllow } from '../src/index.js';
import { API_KEY, callTo, failureOf, never } from './support/calls.js';
import { answering, fixture, startVendor } from './support/vendor-server.js';

const NOTHING = parseEgressAllow('');

describe('a base URL', () => {
  it.each([
    'https://api.openai.com/v1',
    'https://example.com',
    'https://8.8.8.8',
    'https://[2606:4700::1111]/v1',
    'https://1.1.1.1.:8443',
  ])('%s is public and taken', (url) => expect(checkBaseUrl(url, NOTHING)).toBeNull());

  it.each([
    ...[
      '127.0.0.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '[::1]',
      '[::]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[::127.0.0.1]',
    ],
    ...[
      '169.254.169.254',
      '[::ffff:169.254.169.254]',
      '2852039166',
      '168.63.129.16',
      '100.100.100.200',
      '[fd00:ec2::254]',
      'metadata.google.internal',
    ],
    ...[
      '10.1.2.3',
      '172.16.0.1',
      '192.168.0.1',
      '100.64.0.1',
      '0.0.0.0',
      '224.0.0.1',
      '255.255.255.255',
      '[fe80::1]',
      '[fc00::1]',
    ],
    ...['[64:ff9b::7f00:1]', '[2002:7f00:1::]', 'localhost', 'LOCALHOST', 'localhost.', 'api.localhost'],
  ])('with the host %s is refused unless it is allowed', (host) => {
    expect(checkBaseUrl(`http://${host}/v1`, NOTHING)).toMatch(/not on the egress allow list/);
    expect(checkBaseUrl(`http://${host}/v1`, parseEgressAllow(allowing(host)))).toBeNull();
  });

  it.each(['http://example.com', 'http://8.8.8.8', 'http://[2606:4700::1111]/v1'])(
    '%s is in clear text, and taken only where the operator lists its host',
    (url) => {
      const { hostname } = new URL(url);
      expect(checkBaseUrl(url, NOTHING)).toMatch(/must begin with https:\/\/: plain http/);
      expect(checkBaseUrl(url, parseEgressAllow(`localhost,${hostname}`))).toBeNull();
    },
  );

  it('in clear text may be of a name whose address only the connection can tell', () => {
    expect(checkBaseUrl('http://ollama.internal', parseEgressAllow('10.0.0.0/8'))).toBeNull();
    expect(checkBaseUrl('http://8.8.8.8', parseEgressAllow('10.0.0.0/8'))).toMatch(/https/);
  });

  it.each([
    ['ftp://example.com', /begin with https/],
    ['file:///etc/passwd', /begin with https/],
    ['example.com/v1', /not a URL/],
    ['https://user:secret@example.com', /user name or password/],
    ['https://example.com/?key=1', /query or fragment/],
  ])('%s is refused', (url, problem) => expect(checkBaseUrl(url, NOTHING)).toMatch(problem));
});

/** @returns the allow-list entry for a host in whatever spelling. */
const allowing = (host: string): string => new URL(`http://${host}`).hostname.replace(/\.$/, '');

describe('the allow list', () => {
  it('takes names, addresses and ranges of both families', () => {
    const rules = parseEgressAllow(' ollama, localhost ,10.0.0.0/8,fd00::/8,[::1] ');
    const hosts = ['ollama', 'localhost', '10.255.0.1', '[fd12::1]', '[::1]', '[::ffff:10.0.0.1]'];
    expect(hosts.map((host) => checkBaseUrl(`http://${host}`, rules))).toEqual(hosts.map(() => null));
    expect(checkBaseUrl('http://192.168.0.1', rules)).not.toBeNull();
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/9', '300.1.1.1', 'http://x', 'a b', '::1/129', '*'])(
    'names the entry %s that it cannot read',
    (entry) => {
      expect(() => parseEgressAllow(`localhost,${entry}`)).toThrow(entry);
    },
  );
});

describe('a call', () => {
  const failWith = async (baseUrl: string, allow: string) => {
    const provider = createProvider({ type: 'custom', apiKey: API_KEY, baseUrl, egressAllow: parseEgressAllow(allow) });
    return failureOf(provider.generate(callTo('custom'), never()));
  };

  it('to a literal private address is never made', async () => {
    const server = await startVendor(answering(200, fixture('openai/text')));
    const failure = await failWith(server.url.replace('127.0.0.1', '2130706433'), '');
    expect(failure).toMatchObject({ fault: 'network', message: expect.stringContaining('127.0.0.1') });
    expect(server.open()).toBe(0);
    await server.stop();
  });

  it('to a name that resolves to a private address is refused when it connects', async () => {
    const server = await startVendor(answering(200, {}));
    // Straight to the agent, as a name server that changes its answer after the check of the URL would.
    const connecting = request(server.url.replace('127.0.0.1', 'localhost'), { dispatcher: agentFor(NOTHING) });
    await expect(connecting).rejects.toThrow(
      'localhost resolves to an address that is not on the egress allow list, and plain http goes nowhere else',
    );
    expect(server.open()).toBe(0);
    await server.stop();
  });

  it('to localhost goes through when the name, or the address behind it, is allowed', async () => {
    const server = await startVendor(answering(200, fixture('openai/text')));
    for (const allow of ['localhost', '127.0.0.0/8']) {
      const egressAllow = parseEgressAllow(allow);
      const provider = createProvider({
        type: 'custom',
        apiKey: null,
        baseUrl: server.url.replace('127.0.0.1', 'localhost'),
        egressAllow,
      });
      expect((await provider.generate(callTo('custom'), never())).content).toMatch(/Galaxy Day/);
    }
    await server.stop();
  });
});
