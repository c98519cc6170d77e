/** The two moments that matter most in the life of a call: its answer is here and written down nowhere; it is written down and nobody knows. */
import { startFaultProxy, type ChildHandle } from '@llm-gateway/local-services';
import type { FaultTest, TestContext } from '../fault-test.js';
import { until } from '../rig/wait.js';
import { closeBooks } from './close-books.js';

interface Moment {
  /** What the victim's Redis does from the moment of the provider's answer on. */
  held: 'requests' | 'replies';
  /** Is it now? */
  isNow: (held: string) => Promise<boolean> | boolean;
}

/**
 * One request, carried out by a worker whose way to Redis is stopped in one direction as the provider answers. The worker is killed at the
 * moment that is asked for, and another one takes its place.
 */
async function dieAt(context: TestContext, { held, isNow }: Moment): Promise<void> {
  const { rig, client, name } = context;
  const lane = `${name}-a`;
  const proxy = await startFaultProxy(rig.redis.port);
  try {
    const throughProxy = rig.redis.url.replace(`:${rig.redis.port}`, `:${proxy.port}`);
    const victim: ChildHandle = await rig.fleet.addWorker({ REDIS_URL: throughProxy });
    await rig.provider(lane);
    rig.vendor.script(lane, () => {
      if (rig.fleet.workers.includes(victim)) proxy.set({ [held]: { hold: true } });
      return {};
    });
    const answer = client.ask({ marker: `${name}-0`, provider: lane });
    await rig.vendor.received(`${name}-`, 1);
    await until('the moment is here', 10_000, () => isNow(proxy.held(held)));
    victim.kill('SIGKILL');
    await victim.exited;
    await rig.fleet.addWorker();
    await answer;
    await until(
      'the job is done',
      30_000,
      async () => (await rig.redisClient.llen(`{lgw.${lane}}:generate.${lane}:active`)) === 0,
    );
    const again = await client.ask({ marker: `${name}-0`, provider: lane });
    const [first] = client.entries;
    context.findings.holds('the same key gets the same answer', again.result?.id === first?.result?.id);
    client.entries.pop();
  } finally {
    await proxy.stop();
  }
}

const beforeTheEnd: FaultTest = {
  id: '3',
  fault: 'kill -9 of a worker that has the answer and has not written it down',
  pass: 'exactly one repeated call, and two rows: one of them abandoned, its cost estimated',
  remark: 'The provider bills the first call and nobody saw its answer: the row says so, with a cost estimated from the input.',
  fleet: { apis: 2, workers: 0 },
  run: async (context) => {
    await dieAt(context, { held: 'requests', isNow: (held) => held.includes(`answer to ${context.name}-0`) });
    const books = await closeBooks(context, { duplicated: 1 });
    context.findings.exactly('calls', books.calls, 2);
    context.findings.exactly('estimated', books.estimated, 1);
  },
};

const afterTheEnd: FaultTest = {
  id: '4',
  fault: 'kill -9 of a worker that has written the answer down and has not finished its job',
  pass: 'no repeated call; the stored answer is served',
  fleet: { apis: 2, workers: 0 },
  run: async (context) => {
    const { redisClient } = context.rig;
    const results = async (): Promise<number> => (await redisClient.keys('lgw:*:res:*')).length;
    const before = await results();
    await dieAt(context, { held: 'replies', isNow: async () => (await results()) > before });
    const books = await closeBooks(context);
    context.findings.exactly('calls', books.calls, 1);
  },
};

export const momentTests = [beforeTheEnd, afterTheEnd];
