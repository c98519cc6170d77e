/** All tests, in the order of their numbers; the numbers are those of docs/reliability.md. */
import type { Entry } from './fault-test.js';
import { adapterTests } from './tests/adapters.js';
import { callerTests } from './tests/callers.js';
import { clockTests } from './tests/clocks.js';
import { HELD_ELSEWHERE } from './tests/elsewhere.js';
import { limitTests } from './tests/limits.js';
import { mainFigure } from './tests/main-figure.js';
import { momentTests } from './tests/moment.js';
import { networkTests } from './tests/networks.js';
import { postgresTests } from './tests/postgres-outage.js';
import { providerTests } from './tests/providers.js';
import { redisTests } from './tests/redis-outage.js';
import { replicaTests } from './tests/replicas.js';
import { soak } from './tests/soak.js';
import { workerTests } from './tests/workers.js';

const place = ({ id }: Entry): number => (id === 'main' ? 100 : Number(id));

export const CATALOGUE: readonly Entry[] = [
  ...workerTests,
  ...momentTests,
  ...replicaTests,
  ...redisTests,
  ...postgresTests,
  ...adapterTests,
  ...providerTests,
  ...limitTests,
  ...clockTests,
  ...networkTests,
  ...callerTests,
  ...HELD_ELSEWHERE,
  mainFigure,
  soak,
].sort((a, b) => place(a) - place(b));
