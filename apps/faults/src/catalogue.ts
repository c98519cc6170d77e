/** All tests, in the order of their numbers; the numbers are those of docs/reliability.md. */
import type { Entry } from './fault-test.js';
import { momentTests } from './tests/moment.js';
import { postgresTests } from './tests/postgres-outage.js';
import { redisTests } from './tests/redis-outage.js';
import { replicaTests } from './tests/replicas.js';
import { workerTests } from './tests/workers.js';

const place = ({ id }: Entry): number => (id === 'main' ? 100 : Number(id));

export const CATALOGUE: readonly Entry[] = [
  ...workerTests,
  ...momentTests,
  ...replicaTests,
  ...redisTests,
  ...postgresTests,
].sort((a, b) => place(a) - place(b));
