/** Secrets that are known by heart, and the places where none of them may be found. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type pg from 'pg';

export const newCanary = (kind: string): string => `${kind}-canary-${randomBytes(16).toString('hex')}`;

/** A secret is found by its middle as well: what is cut short, masked at its ends or escaped is no less told. */
const spellings = (secret: string): string[] => {
  const middle = secret.slice(Math.floor(secret.length / 2) - 8, Math.floor(secret.length / 2) + 8);
  const bytes = Buffer.from(secret);
  // Within base64 a text has one of three spellings, by where it begins; its ends depend on its neighbours.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift, 'x'), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [secret, middle, bytes.toString('hex'), encodeURIComponent(secret), ...base64];
};

/** @returns `<place>: <secret's name>` for each secret that can be read in a place. */
export function findSecrets(secrets: Readonly<Record<string, string>>, places: Readonly<Record<string, string>>): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) =>
    Object.entries(places)
      .filter(([, text]) => spellings(secret).some((spelling) => text.includes(spelling)))
      .map(([place]) => `${place}: ${name}`),
  );
}

/** @returns all that stands in a Redis now, every key by its type, and all that was ever written to it. */
export async function dumpRedis(url: string): Promise<{ keys: string; written: string }> {
  const names = linesOf(await ask(url, ['KEYS *'])).filter((line) => !/^[$*+]/.test(line));
  // The first is the answer to SELECT.
  const types = linesOf(
    await ask(
      url,
      names.map((key) => `TYPE ${key}`),
    ),
  )
    .filter((line) => line.startsWith('+'))
    .slice(1, names.length + 1);
  const reads: Record<string, (key: string) => string> = {
    '+string': (key) => `GET ${key}`,
    '+hash': (key) => `HGETALL ${key}`,
    '+list': (key) => `LRANGE ${key} 0 -1`,
    '+set': (key) => `SMEMBERS ${key}`,
    '+zset': (key) => `ZRANGE ${key} 0 -1 WITHSCORES`,
    '+stream': (key) => `XRANGE ${key} - +`,
  };
  const commands = names.map((key, index) => {
    const read = reads[types[index] ?? ''];
    if (!read) throw new Error(`${key} is of a type that nobody reads here: ${types[index]}`);
    return read(key);
  });
  const [, dir = ''] = linesOf(await ask(url, ['CONFIG GET dir'])).filter((line) => !/^[$*+]/.test(line));
  const aof = join(dir, 'appendonlydir');
  const files = await Promise.all((await readdir(aof)).map((file) => readFile(join(aof, file), 'latin1')));
  return { keys: `${names.join('\n')}\n${await ask(url, commands)}`, written: files.join('\n') };
}

const linesOf = (text: string): string[] => text.split('\r\n').filter(Boolean);

/** Commands of Redis' inline protocol, all in one go; their answers as raw text. */
function ask(url: string, commands: readonly string[]): Promise<string> {
  const { port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1').setEncoding('utf8');
    socket
      .on('data', (chunk: string) => (answer += chunk))
      .on('error', reject)
      .on('end', () => resolve(answer));
    socket.write(`SELECT ${pathname.slice(1) || '0'}\r\n${commands.map((command) => `${command}\r\n`).join('')}QUIT\r\n`);
  });
}

/** @returns every row of every table of ours, partitions and the migrations' own included, as JSON. */
export async function dumpDatabase(sql: pg.Pool): Promise<{ tables: string[]; text: string }> {
  const { rows } = await sql.query<{ name: string }>(
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'`,
  );
  const texts: string[] = [];
  for (const { name } of rows) {
    const dump = await sql.query<{ row: string }>(`SELECT to_json(t)::text AS row FROM ${name} AS t`);
    texts.push(...dump.rows.map(({ row }) => row));
  }
  return { tables: rows.map(({ name }) => name), text: texts.join('\n') };
}
