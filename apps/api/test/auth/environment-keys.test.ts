import { describe, expect, it } from '@jest/globals';
import { environmentKeys } from '../../src/auth/environment-keys.js';

const keys = environmentKeys(['service-one', 'service-two', 'both'], ['admin-one', 'both']);

describe('environment keys', () => {
  it.each([
    ['service-one', ['generate', 'read']],
    ['service-two', ['generate', 'read']],
    ['admin-one', ['generate', 'read', 'admin']],
    ['both', ['generate', 'read', 'admin']],
  ])('give %s its scopes', async (key, scopes) => {
    expect([...((await keys.find(key))?.scopes ?? [])]).toEqual(scopes);
  });

  it.each(['', 'service', 'service-one ', 'SERVICE-ONE', 'service-one,service-two'])('do not know %j', async (key) => {
    expect(await keys.find(key)).toBeNull();
  });

  it('name a key the same in every process, each differently, and without giving it away', async () => {
    const again = await environmentKeys(['service-one'], []).find('service-one');
    const first = await keys.find('service-one');
    const second = await keys.find('service-two');
    expect(first?.keyId).toBe(again?.keyId);
    expect(first?.keyId).toMatch(/^env_[0-9a-f]{12}$/);
    expect(first?.keyId).not.toBe(second?.keyId);
  });
});
