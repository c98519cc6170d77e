import { describe, expect, it } from '@jest/globals';
import { parseEnv } from '@llm-gateway/shared';
import { apiEnv } from '../src/env.js';

const key = Buffer.alloc(32, 7).toString('base64');
const enough = {
  DATABASE_URL: 'postgresql://u:p@db/gateway',
  SERVICE_KEYS: 'service-key',
  ADMIN_KEYS: 'admin-key',
  ENCRYPTION_KEYS: `k1:${key}`,
};

const problems = (changes: Record<string, string | undefined>): string[] => {
  try {
    parseEnv(apiEnv, { ...enough, ...changes });
    return [];
  } catch (error) {
    return (error as Error).message.split('\n');
  }
};

describe('the environment', () => {
  it('has defaults for everything but addresses and secrets', () => {
    expect(parseEnv(apiEnv, enough)).toMatchObject({
      PORT: 8200,
      REDIS_URL: 'redis://127.0.0.1:6379/3',
      CACHE_REDIS_URL: 'redis://127.0.0.1:6379/3',
      SERVICE_KEYS: ['service-key'],
      MAX_BODY_BYTES: 1_048_576,
      QUEUE_MAX_DEPTH: 10_000,
      SHUTDOWN_TIMEOUT_MS: 30_000,
      CACHE_TTL_SECONDS: 3_600,
      LOG_LEVEL: 'info',
    });
  });

  it('takes the cache to be where the queues are, unless it is told', () => {
    expect(parseEnv(apiEnv, { ...enough, REDIS_URL: 'redis://a/1' }).CACHE_REDIS_URL).toBe('redis://a/1');
    expect(parseEnv(apiEnv, { ...enough, REDIS_URL: 'redis://a/1', CACHE_REDIS_URL: 'redis://b/2' }).CACHE_REDIS_URL).toBe(
      'redis://b/2',
    );
  });

  it('takes several keys, for rotation', () => {
    expect(parseEnv(apiEnv, { ...enough, ADMIN_KEYS: 'old, new' }).ADMIN_KEYS).toEqual(['old', 'new']);
  });

  it('names all that is missing, one line each', () => {
    const none = { DATABASE_URL: undefined, SERVICE_KEYS: '', ADMIN_KEYS: undefined, ENCRYPTION_KEYS: undefined };
    expect(problems(none).toSorted()).toEqual(
      Object.keys(none)
        .toSorted()
        .map((name) => `${name}: is required and not set`),
    );
  });

  it.each([
    ['PORT', '70000'],
    ['PORT', '80x'],
    ['DATABASE_URL', 'mysql://x'],
    ['REDIS_URL', 'localhost:6379'],
    ['SERVICE_KEYS', 'a,,b'],
    ['ADMIN_KEYS', 'has space'],
    ['ENCRYPTION_KEYS', 'k1:c2hvcnQ='],
    ['MAX_BODY_BYTES', '-1'],
    ['SHUTDOWN_TIMEOUT_MS', '1.5'],
    ['EGRESS_ALLOW', '10.0.0.0/99'],
    ['LOG_LEVEL', 'loud'],
  ])('refuses %s=%s in one line that names it', (name, value) => {
    const lines = problems({ [name]: value });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^${name}: `));
  });

  it('does not repeat a secret in what it prints', () => {
    const printed = problems({
      SERVICE_KEYS: 'the secret key',
      ENCRYPTION_KEYS: 'k1:dGhlIHNlY3JldA',
      DATABASE_URL: 'secret',
    }).join('\n');
    expect(printed).not.toMatch(/secret|dGhl/);
  });
});
