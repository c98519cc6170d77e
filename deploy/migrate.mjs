// Applies the missing migrations to DATABASE_URL, then ends: one run per deployment, before the new api and worker start. The api image
// carries it. Runs at the same time wait for each other, and a second one applies nothing.
import { migrate } from '@llm-gateway/db';

const url = process.env.DATABASE_URL;
if (!url) {
  console.error('DATABASE_URL: is required and not set');
  process.exit(1);
}
const applied = await migrate(url);
console.log(JSON.stringify({ msg: 'migrated', applied }));
