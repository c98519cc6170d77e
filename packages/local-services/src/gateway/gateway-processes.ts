/** The gateway's own processes, as users run them after a build, with what they need to run against services on loopback. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProviderType } from '@llm-gateway/shared';
import { leanStart } from '../process/lean-start.js';
import { startProcess, type ChildHandle, type ProcessOptions } from '../process/start-process.js';

export type GatewayEnv = Record<string, string>;

export interface GatewaySettings {
  path: string;
  databaseUrl: string;
  redisUrl: string;
  serviceKey: string;
  adminKey: string;
}

/** A whole environment for API and worker, with an encryption key of its own, in which providers may be on loopback. */
export function gatewayEnv({ path, databaseUrl, redisUrl, serviceKey, adminKey }: GatewaySettings): GatewayEnv {
  return {
    PATH: path,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    SERVICE_KEYS: serviceKey,
    ADMIN_KEYS: adminKey,
    ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    EGRESS_ALLOW: '127.0.0.0/8',
    PORT: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
  };
}

const entry = (app: 'api' | 'worker'): string => fileURLToPath(new URL(`../../../../apps/${app}/dist/main.js`, import.meta.url));

type Patience = Pick<ProcessOptions, 'readyLine' | 'readyWithinMs' | 'onLine'>;

/** One API replica on a free port. */
export const startApiProcess = (env: GatewayEnv, options: Patience = {}): Promise<ChildHandle> =>
  startGateway('api', env, options);

/** One worker. @param scratchDir where it may leave its health file. */
export function startWorkerProcess(env: GatewayEnv, scratchDir: string, options: Patience = {}): Promise<ChildHandle> {
  const healthFile = join(scratchDir, `worker-alive-${randomBytes(4).toString('hex')}`);
  return startGateway('worker', { HEALTH_FILE: healthFile, ...env }, options);
}

function startGateway(name: 'api' | 'worker', env: GatewayEnv, options: Patience): Promise<ChildHandle> {
  const { nodeArgs, env: lean } = leanStart;
  return startProcess({ name, entry: entry(name), nodeArgs, env: { ...lean, ...env }, ...options });
}

/** A model of each type that the price table knows, but for `custom`, whose models nobody knows. */
export const STAND_IN_MODELS: Readonly<Record<ProviderType, string>> = {
  claude: 'claude-sonnet-4-5',
  openai: 'gpt-4o-mini',
  gemini: 'gemini-2.5-flash',
  llama: 'meta-llama/Llama-3.3-70B-Instruct-Turbo',
  mistral: 'mistral-small-latest',
  custom: 'local-model',
};
