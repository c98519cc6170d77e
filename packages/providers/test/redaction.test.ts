import { expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { PROVIDER_TYPES } from '@llm-gateway/shared';
import { callTo, failureOf, never, providerAt } from './support/calls.js';
import { answering, startVendor } from './support/vendor-server.js';

const KEY = 'sekret_9f8e7d6c5b4a';

it.each(PROVIDER_TYPES)('%s: no error shows a key, a header or the prompt, however it is looked at', async (type) => {
  const message = [
    `Incorrect API key provided: ${KEY}.`,
    'Others: sk-proj-abc123DEF456, sk-ant-api03-xyz_987, sk-abcd****wxyz, AIzaSyD4n0tAr3alK3yAtAll, gsk_abcdef123456.',
    'Header was Authorization: Bearer abc.def-ghi at https://x.example/v1?key=AQ.Ab8RN6-plain&alt=json',
  ].join(' ');
  const server = await startVendor(answering(401, { error: { message, type: 'invalid_request_error' } }));
  const call = callTo(type, { messages: [{ role: 'user', content: 'the-private-prompt' }] });
  const failure = await failureOf(providerAt(type, server.url, KEY).generate(call, never()));
  await server.stop();

  expect(failure.fault).toBe('auth');
  expect(failure.message).toMatch(/^Incorrect API key provided: \[redacted\]\./);
  const everything = inspect(failure, { depth: 10, showHidden: true }) + JSON.stringify(failure);
  for (const secret of [
    KEY,
    'abc123',
    'xyz_987',
    'wxyz',
    'D4n0t',
    'abcdef123456',
    'abc.def',
    'AQ.Ab8RN6',
    'the-private-prompt',
  ]) {
    expect(everything).not.toContain(secret);
  }
  expect(failure.cause).toBeUndefined();
});

it.each(PROVIDER_TYPES)('%s: a key that ends at the length limit is redacted before the message is cut', async (type) => {
  const server = await startVendor(answering(400, { error: { message: `${'x '.repeat(245)}${KEY} and more` } }));
  const failure = await failureOf(providerAt(type, server.url, KEY).generate(callTo(type), never()));
  await server.stop();
  expect(failure.message.length).toBeLessThanOrEqual(500);
  expect(failure.message).not.toContain(KEY.slice(0, 8));
});

it.each(PROVIDER_TYPES)('%s: an answer of the wrong shape is not repeated in the error', async (type) => {
  const server = await startVendor(
    answering(200, { choices: [{ message: { content: { echoed: 'the-private-prompt' } } }], content: 'the-private-prompt' }),
  );
  const failure = await failureOf(providerAt(type, server.url).generate(callTo(type), never()));
  await server.stop();
  expect(failure.fault).toBe('bad_response');
  expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain('the-private-prompt');
});

it.each(PROVIDER_TYPES)('%s: a key that comes back in a header goes no further', async (type) => {
  const echo = { 'request-id': `req-${KEY}`, 'x-request-id': `req-${KEY}`, 'mistral-correlation-id': `req-${KEY}` };
  const refusing = await startVendor(answering(400, { error: { message: 'no' }, request_id: KEY }, echo));
  const failure = await failureOf(providerAt(type, refusing.url, KEY).generate(callTo(type), never()));
  await refusing.stop();
  expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain(KEY);
  expect(failure.vendorRequestId).toContain('[redacted]');
});
