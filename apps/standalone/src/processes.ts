import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { leanStart, startProcess, type ChildHandle } from '@llm-gateway/local-services';
import { childLog } from './child-log.js';
import type { StandaloneEnv } from './env.js';
import type { OnEnd } from './services.js';
import type { StopList } from './stop-list.js';

interface Setting {
  env: StandaloneEnv;
  /** What API and worker read, on top of what they inherit. */
  settings: Record<string, string>;
  stops: StopList;
  onEnd: OnEnd;
}

/** The built main of an app. */
const entryOf = (app: string): string => fileURLToPath(new URL(`../../${app}/dist/main.js`, import.meta.url));

/** Starts one of our apps and watches it. Resolves when it says that it is ready. */
export async function startApp(app: 'api' | 'worker', { env, settings, stops, onEnd }: Setting): Promise<ChildHandle> {
  const handle = await startProcess({
    name: app,
    entry: entryOf(app),
    nodeArgs: leanStart.nodeArgs,
    env: { ...leanStart.env, ...env.inherited, ...settings },
    onLine: childLog(join(env.DATA_DIR, 'logs'), app, (line) => {
      if (!stops.isStopping) console.error(line);
    }),
  });
  void handle.exited.then(({ code, signal }) => onEnd(`${app} (${signal ?? `exit code ${code}`})`));
  await stops.add(
    app,
    () => handle.stop(),
    () => handle.kill('SIGKILL'),
  );
  return handle;
}

const GIVE_UP_AFTER_MS = 30_000;
const DEGRADED_WILL_DO_AFTER_MS = 10_000;

/**
 * Resolves when the gateway serves requests: every lane has its worker, or, after a while, some have.
 * @throws Error with what it last said, when it does not get there.
 */
export async function untilServing(address: string): Promise<void> {
  const startedAt = Date.now();
  let last = 'no answer';
  for (let waitedMs = 0; waitedMs < GIVE_UP_AFTER_MS; waitedMs = Date.now() - startedAt) {
    const response = await fetch(`${address}/health/ready`, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
    last = response ? await response.text() : last;
    const complete = last.includes('"status":"ok"') && last.startsWith('{"status":"ok"');
    if (response?.ok && (complete || waitedMs > DEGRADED_WILL_DO_AFTER_MS)) return;
    await sleep(50);
  }
  throw new Error(`the gateway did not get ready: ${last}`);
}
