import { describe, expect, it } from '@jest/globals';
import { databaseTarget } from '../src/connection/database-url.js';

describe('the database URL', () => {
  it('names the schema, which is public unless given', () => {
    expect(databaseTarget('postgresql://u:p@host/db?schema=llm_gateway').schema).toBe('llm_gateway');
    expect(databaseTarget('postgres://u:p@host/db').schema).toBe('public');
  });

  it('keeps the settings that are for PostgreSQL', () => {
    const target = databaseTarget('postgresql://u:p@host/db?schema=s&sslmode=verify-full&options=-c%20statement_timeout%3D9s');
    expect(target.connectionString).toBe('postgresql://u:p@host/db?sslmode=verify-full');
    expect(target.options).toBe(
      '-c jit=off -c work_mem=32MB -c random_page_cost=1.1 -c parallel_setup_cost=100000 -c statement_timeout=9s -c search_path="s" -c TimeZone=UTC',
    );
  });

  it.each([
    'mysql://secret@host/db',
    'secret',
    'postgresql://u:secret@host/db?schema=a";DROP',
    'postgresql://u:secret@host/db?schema=',
  ])('refuses %s without repeating it', (url) => {
    expect(() => databaseTarget(url)).toThrow(/database URL/);
    expect(() => databaseTarget(url)).not.toThrow('secret');
  });
});
