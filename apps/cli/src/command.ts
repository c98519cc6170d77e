import type { EncryptionKeys } from '@llm-gateway/db';
import { parseArgs, type ParseArgsConfig } from 'node:util';

/** 0 and 1 are every program's; 2 says that a check was carried out and found something. */
export const EXIT = { ok: 0, failed: 1, found: 2, stopped: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Where a command runs. */
export interface Surroundings {
  /** Standard output: the result, and nothing else. */
  out: (text: string) => void;
  /** Standard error: progress and complaints. */
  note: (line: string) => void;
  /** Aborts when the operator wants it to stop: a command ends after its current transaction. */
  signal: AbortSignal;
  /** Asked for when it is needed, so that a wrong option is named before a missing setting. */
  databaseUrl: () => string;
  /** The file of the refreshed price table, where there is one. */
  pricesFile: () => string | undefined;
  /** The running gateway that a command asks. */
  gateway: () => { url: string; adminKey: string };
  /** As the gateway has them: the first encrypts, all decrypt. */
  encryptionKeys: () => EncryptionKeys;
}

export type Command = (args: string[], surroundings: Surroundings) => Promise<ExitCode>;

/** Something that the operator can put right; its message is all that is shown. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: false }>>['values'];

/** @throws OperatorError for an option that there is not, a missing value, or an argument without an option. */
export function readOptions<const T extends Options>(args: string[], options: T): Values<T> {
  try {
    return parseArgs({ args, options, allowPositionals: false }).values;
  } catch (error) {
    throw optionProblem(error);
  }
}

/** What `parseArgs` found wrong, without its advice on arguments that begin with a dash: none of ours do. */
export function optionProblem(error: unknown): OperatorError {
  const [problem = ''] = (error instanceof Error ? error.message : String(error)).split('. To specify a positional argument');
  return new OperatorError(problem, { cause: error });
}
