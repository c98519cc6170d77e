import type { GenerateRequest } from '@llm-gateway/shared';
import type { GenerateCaller } from './deps.js';

/** One HTTP call of `generate`, as the flow sees it. */
export interface Call {
  /** Of the request, should it become one. */
  id: string;
  caller: GenerateCaller;
  request: GenerateRequest;
  idempotencyKey: string | null;
  isAsync: boolean;
  /** Aborts when the caller hangs up. */
  signal: AbortSignal;
  /** This process carries the request out itself: the response says so, however it ends. */
  markDirect: () => void;
}
