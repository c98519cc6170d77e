/** What the routes need, as narrow as they need it. `main.ts` makes the real ones. */
import type { Db, EncryptionKeys } from '@llm-gateway/db';
import type { EgressRules } from '@llm-gateway/providers';
import type { LaneStatus } from '@llm-gateway/queue';
import type { ConfigSnapshot, Logger } from '@llm-gateway/shared';
import type { Router } from 'express';
import type { KeyStore } from './auth/caller.js';
import type { BoardQueue } from './board/board.js';
import type { Env } from './env.js';

export interface ConfigSource {
  current(): ConfigSnapshot;
  /** After a change by this process: reload now and tell the others. */
  changed(): Promise<void>;
  onChange(listener: (snapshot: ConfigSnapshot) => void): void;
}

export interface Lanes {
  /** The last known status by provider name. */
  status(): ReadonlyMap<string, LaneStatus>;
  /** Redis answered lately. */
  redisUp(): boolean;
}

export interface Queues {
  /** One for each configured provider. */
  boardQueues(): BoardQueue[];
}

export interface Deps {
  db: Db;
  config: ConfigSource;
  lanes: Lanes;
  queues: Queues;
  keys: KeyStore;
  encryptionKeys: EncryptionKeys;
  egress: EgressRules;
  logger: Logger;
  env: Pick<Env, 'MAX_BODY_BYTES'>;
  /** The main job's routers, which have dependencies of their own. */
  routers: { generate: Router; jobs: Router };
}
