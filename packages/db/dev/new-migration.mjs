// Writes the next migration from the difference between prisma/migrations and prisma/schema.prisma. See --help.
import { mkdir, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findDrift } from '../dist/index.js';

const HELP = `Usage: node packages/db/dev/new-migration.mjs --url <postgresql://...> --name <what_it_does>

Writes prisma/migrations/<time>_<name>/migration.sql with what the migrations lack to reach prisma/schema.prisma.
Build first (npm run build). Read the SQL before you commit it: add what Prisma cannot say (CHECK, NULLS NOT DISTINCT).

  --url    any PostgreSQL; a scratch schema is made in it and removed again
  --name   lower case letters, digits and _
  --print  show the SQL, write nothing
  --help   this text
`;

const options = {
  url: { type: 'string' },
  name: { type: 'string' },
  print: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
};
const { values } = parseArgs({ options });
if (values.help) {
  process.stdout.write(HELP);
} else if (!values.url || !(values.print || /^[a-z0-9_]+$/.test(values.name ?? ''))) {
  process.stderr.write(HELP);
  process.exitCode = 2;
} else {
  await writeMigration(values);
}

async function writeMigration({ url, name, print }) {
  const sql = await findDrift(url);
  if (sql === '') process.stdout.write('migrations and schema.prisma agree: nothing to write\n');
  else if (print) process.stdout.write(`${sql}\n`);
  else {
    const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
    const directory = fileURLToPath(new URL(`../../../prisma/migrations/${time}_${name}`, import.meta.url));
    await mkdir(directory);
    await writeFile(`${directory}/migration.sql`, `${sql}\n`);
    process.stdout.write(`wrote ${relative(process.cwd(), directory)}/migration.sql\n`);
  }
}
