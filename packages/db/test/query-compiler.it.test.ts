import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { useDatabase } from './database-fixture.js';

const run = promisify(execFile);
const built = new URL('../dist/index.js', import.meta.url).href;
const database = useDatabase();

it('keeps no text of the query compiler once it is compiled', async () => {
  const program = `
    import { text } from 'node:stream/consumers';
    import { getHeapSnapshot } from 'node:v8';
    import { countProviders, openDatabase } from ${JSON.stringify(built)};
    await countProviders(openDatabase(process.env.DATABASE_URL));
    const { snapshot, nodes } = JSON.parse(await text(getHeapSnapshot()));
    const { node_fields: fields, node_types: [types] } = snapshot.meta;
    const [type, size] = ['type', 'self_size'].map((field) => fields.indexOf(field));
    let large = 0;
    for (let at = 0; at < nodes.length; at += fields.length) {
      if (types[nodes[at + type]] === 'string' && nodes[at + size] > 2_000_000) large++;
    }
    console.log(large);
    process.exit();`;
  const env = { ...process.env, DATABASE_URL: database.url };
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { env });
  expect(stdout.trim()).toBe('0');
}, 60_000);
