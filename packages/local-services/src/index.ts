/** Real services as child processes, for `npm start`, tests and measurements. Nothing here runs in production. */
export { DirectoryInUseError } from './process/directory-claim.js';
export {
  gatewayEnv,
  STAND_IN_MODELS,
  startApiProcess,
  startWorkerProcess,
  type GatewayEnv,
  type GatewaySettings,
} from './gateway/gateway-processes.js';
export { leanStart } from './process/lean-start.js';
export { startProcess, type ChildHandle, type ProcessOptions } from './process/start-process.js';
export type { ExitStatus } from './process/child.js';
export { startPostgres, type Postgres, type PostgresOptions } from './postgres/start-postgres.js';
export { createTestDatabase, TEST_POSTGRES_VARIABLE, type TestDatabase } from './postgres/test-database.js';
export { findOrInstallRedis, findRedis } from './redis/find-redis.js';
export { startRedis, type Redis, type RedisOptions } from './redis/start-redis.js';
export { startStandInProviders, type StandInOptions, type StandInProviders } from './stand-in-providers.js';
export { startUpstream, type Upstream, type UpstreamOptions } from './upstream/start-upstream.js';
export type { UpstreamAnswer, UpstreamCall, UpstreamHandler } from './upstream/upstream.js';
export { startFaultProxy, type FaultProxy, type ProxyFaults } from './proxy/fault-proxy.js';
export type { PassageFaults } from './proxy/passage.js';
