/**
 * Every Redis key of the gateway. The part in braces is the Redis Cluster hash tag: keys that one script touches share it.
 * A request's keys live on its shard, a lane's keys (with its BullMQ queue) on the provider's own tag.
 */
import { shardOf } from '@llm-gateway/shared';

const requestKey = (kind: string) => (requestId: string) => `lgw:${shardOf(requestId)}:${kind}:${requestId}`;
const laneKey = (kind: string) => (provider: string) => `{lgw.${provider}}:lane:${kind}`;

export const keys = {
  /** Hash: head, hop, open attempt, attempts, waiting replicas. */
  request: requestKey('req'),
  /** String: the outcome. Written once. */
  result: requestKey('res'),
  /** Stream of usage events of one shard. */
  usage: (shard: string) => `lgw:${shard}:usage`,
  /** Beside it: the events that PostgreSQL refuses. */
  deadUsage: (usageStream: string) => `${usageStream}:dead`,
  /** Sorted set: unfinished requests of one shard by the time at which they are given up. */
  unfinished: (shard: string) => `lgw:${shard}:unfinished`,

  /** The counters of one budget in one window; see budgets/scripts.ts. */
  budget: (budgetId: string, window: string) => {
    const key = (kind: string) => `{lgw.budget.${budgetId}}:${window}:${kind}`;
    return { state: key('state'), reserved: key('reserved'), until: key('until'), settled: key('settled'), when: key('when') };
  },
  /** String: the worker that looks after the budgets just now. */
  budgetTurn: 'lgw:budgets:turn',

  /** Hash: what one service key has used of the last minute, second by second. */
  keyMinute: (keyId: string) => `lgw:key:last-minute:${keyId}`,
  /** String: an administrator's session in the browser. */
  adminSession: (id: string) => `lgw:admin:session:${id}`,

  cache: (hash: string) => `lgw:cache:${hash}`,
  flight: (hash: string) => `lgw:flight:${hash}`,
  idempotency: (hash: string) => `lgw:idem:${hash}`,

  /** Sorted set: API replicas by their last sign of life. */
  replicas: 'lgw:apis',

  replies: (apiId: string) => `lgw:reply:${apiId}`,
  cancellations: 'lgw:cancel',
  configChanged: 'lgw:config:changed',
  configMirror: 'lgw:config:mirror',

  /** Set: every provider that has ever had a queue; those of deleted ones may still hold jobs. */
  lanes: 'lgw:lanes',
  pause: laneKey('pause'),
  circuit: laneKey('circuit'),
  fails: laneKey('fails'),
  probe: laneKey('probe'),
  workers: laneKey('workers'),
  /** BullMQ's prefix for one provider's queue. */
  queuePrefix: (provider: string) => `{lgw.${provider}}`,
  /** What BullMQ keeps of one provider's queue: its sets by their names, its jobs by their ids. */
  bull: (provider: string, part: string) => `{lgw.${provider}}:generate.${provider}:${part}`,
} as const;
