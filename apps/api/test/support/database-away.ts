import pg from 'pg';

/** Takes a database away as an outage would: sessions end, new ones find nothing. @returns what brings it back. */
export async function takeDatabaseAway(url: string): Promise<() => Promise<void>> {
  const target = new URL(url);
  const name = target.pathname.slice(1);
  target.pathname = '/postgres';
  target.search = '';
  const client = new pg.Client({ connectionString: target.href });
  await client.connect();
  await client.query(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`);
  await client.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1', [name]);
  await client.query(`ALTER DATABASE "${name}" RENAME TO "${name}_away"`);
  return async () => {
    await client.query(`ALTER DATABASE "${name}_away" RENAME TO "${name}"`);
    await client.query(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`);
    await client.end();
  };
}
