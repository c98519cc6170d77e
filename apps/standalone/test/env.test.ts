import { describe, expect, it } from '@jest/globals';
import { parseEnv } from '@llm-gateway/shared';
import { standaloneEnv } from '../src/env.js';

const key = Buffer.alloc(32, 7).toString('base64');

describe('the settings of npm start', () => {
  it('can all be left out', () => {
    const env = parseEnv(standaloneEnv, {});
    expect(env).toMatchObject({ PORT: 8200, HOST: '127.0.0.1', LOG_LEVEL: 'info' });
    expect([env.DATABASE_URL, env.REDIS_URL, env.SERVICE_KEYS, env.ENCRYPTION_KEYS]).toEqual(Array(4).fill(undefined));
  });

  it('hands keys on as it found them right', () => {
    const given = { SERVICE_KEYS: 'one, two', ADMIN_KEYS: 'three', ENCRYPTION_KEYS: `k1:${key}` };
    expect(parseEnv(standaloneEnv, given)).toMatchObject({ ...given, SERVICE_KEYS: 'one,two' });
  });

  it.each([
    ['PORT', '80x', 'must be a whole number from 0 to 65535'],
    ['PORT', '1e3', 'must be a whole number from 0 to 65535'],
    ['DATABASE_URL', 'mysql://x', 'must be a postgresql:// URL'],
    ['REDIS_URL', 'localhost:6379', 'must be a redis:// or rediss:// URL'],
    ['REDIS_URL', 'redis://a/queues', 'must end with the number of a database, such as /3'],
    ['CACHE_REDIS_URL', 'http://a', 'must be a redis:// or rediss:// URL'],
    ['SHUTDOWN_TIMEOUT_MS', 'soon', 'must be a whole number from 0 to 3600000'],
    ['SERVICE_KEYS', 'a,,b', 'must be keys of printable ASCII without spaces, separated by commas'],
    ['ENCRYPTION_KEYS', 'k1:c2hvcnQ=', expect.stringMatching(/32 bytes|base64/)],
  ])('refuse %s=%s in the words of the API and the worker, before anything is started', (name, value, problem) => {
    const complaint = complaintAbout({ [name]: value });
    expect(complaint.split('\n')).toHaveLength(1);
    const [told, ...words] = complaint.split(': ');
    expect([told, words.join(': ')]).toEqual([name, problem]);
  });
});

function complaintAbout(settings: Record<string, string>): string {
  try {
    parseEnv(standaloneEnv, settings);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}
