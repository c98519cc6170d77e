import { describe, expect, it } from '@jest/globals';
import { generateRequest, GatewayError } from '@llm-gateway/shared';
import { parse } from '../../src/http/parse.js';

function refusal(value: unknown): GatewayError {
  try {
    parse(generateRequest, value);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('parse', () => {
  it('returns the value with its defaults', () => {
    expect(parse(generateRequest, { service: 's', prompt: 'hi' })).toMatchObject({
      prompt: 'hi',
      priority: 5,
      timeout_ms: 60_000,
      fallback: true,
    });
  });

  it('names every problem at once, each by its path', () => {
    const { details } = refusal({
      messages: [{ role: 'robot', content: 1 }],
      temperature: 9,
      stop: [5],
      surplus: 1,
      'and more': 2,
      cache: { mode: 'x', q: 1 },
    });
    expect(details.map(({ path }) => path).toSorted()).toEqual(
      [
        'and more',
        'cache.mode',
        'cache.q',
        'messages.0.content',
        'messages.0.role',
        'stop.0',
        'surplus',
        'temperature',
      ].toSorted(),
    );
  });

  it('says of a missing field that it is required', () => {
    expect(refusal({ messages: [{}] }).details).toEqual([
      { path: 'messages.0.role', message: 'is required' },
      { path: 'messages.0.content', message: 'is required' },
    ]);
  });

  it('says of a missing body that it is one', () => {
    expect(refusal(undefined)).toMatchObject({ message: 'a JSON body is required', details: [{ path: '' }] });
  });

  it('says what a field of several shapes may be', () => {
    expect(refusal({ prompt: 'x', stop: 5 }).details).toEqual([{ path: 'stop', message: 'expected string or array' }]);
  });

  it('keeps its answer short whatever it is sent', () => {
    const { details, message } = refusal(
      Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`${'k'.repeat(500)}${i}`, 1])),
    );
    expect(details.length).toBeLessThanOrEqual(102);
    expect(JSON.stringify({ details, message }).length).toBeLessThan(30_000);
  });

  it.each([[null], [[]], ['text'], [5], [undefined]])('refuses %j as a whole', (value) => {
    expect(refusal(value)).toMatchObject({ code: 'invalid_request', details: [{ path: '' }] });
  });
});
