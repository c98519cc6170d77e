import { join } from 'node:path';
import type { StandaloneEnv } from './env.js';
import type { Keys } from './keys.js';
import type { ProviderOverview } from './providers.js';
import { VENDOR_VARIABLES } from './vendors.js';

interface Started {
  address: string;
  seconds: string;
  keys: Keys;
  providers: ProviderOverview;
  env: StandaloneEnv;
}

/** What the one who started it needs to know next. Keys given by the environment are not repeated. */
export function welcome({ address, seconds, keys, providers, env }: Started): string {
  const { service, admin } = keys.madeHere;
  // In the shell that set SERVICE_KEYS, the line works without showing the key.
  const header = service ? `'X-Service-Key: ${service}'` : '"X-Service-Key: ${SERVICE_KEYS%%,*}"';
  const body = JSON.stringify({ service: 'demo', prompt: 'Say hello in one sentence.' });
  return [
    '',
    `LLM Gateway is ready at ${address} after ${seconds} s`,
    '',
    `  service key  ${service ?? 'as set in SERVICE_KEYS'}`,
    `  admin key    ${admin ?? 'as set in ADMIN_KEYS'}`,
    '',
    'Try it, as it stands:',
    '',
    `  curl -sS -w '\\n' ${address}/api/v1/generate -H ${header} -H 'Content-Type: application/json' -d '${body}'`,
    '',
    ...aboutProviders(providers),
    `API: ${address}/docs   Queues: ${address}/admin/queues (sign in with the admin key)   Logs: ${join(env.DATA_DIR, 'logs')}`,
    'Ctrl-C stops everything that was started here and keeps the data.',
    '',
  ].join('\n');
}

function aboutProviders({ enabled, standIns }: ProviderOverview): string[] {
  if (enabled.length === 0) return ['No provider is enabled: create one with POST /api/v1/providers and the admin key.', ''];
  if (standIns.length === 0) return [`Providers: ${enabled.join(', ')}`, ''];
  return [
    `These providers are stand-ins, their answers are made up: ${standIns.join(', ')}.`,
    `For real ones set any of ${VENDOR_VARIABLES.join(', ')} and start again.`,
    '',
  ];
}
