import type { z } from 'zod';

/** Thrown by {@link parseEnv}; `message` has one line per faulty variable. */
export class EnvError extends Error {
  override readonly name = 'EnvError';
}

/**
 * Reads an environment once, typed. An empty string counts as unset, as in a compose file's `KEY=`.
 * @throws EnvError naming every missing or malformed variable, one line each. Values are not repeated: they may be secrets.
 */
export function parseEnv<T extends z.ZodType>(schema: T, source: Record<string, string | undefined>): z.output<T> {
  const set = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(set);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? 'environment');
    return `${name}: ${name in set ? issue.message : 'is required and not set'}`;
  });
  throw new EnvError([...new Set(lines)].join('\n'));
}

/** {@link parseEnv} for a process's first line: prints the faults, one line each, and exits with 1. */
export function parseEnvOrExit<T extends z.ZodType>(schema: T, source: Record<string, string | undefined>): z.output<T> {
  try {
    return parseEnv(schema, source);
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
