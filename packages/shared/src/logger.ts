import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

// Call sites log fixed sentences and named fields; this net is for the day one of them forgets.
const SECRET_FIELDS = ['api_key', 'apiKey', 'authorization', 'prompt', 'messages', 'content', 'system', 'key', 'secret'];

/** JSON lines on standard output. An error is logged as its name, message and code, never with vendor bodies or headers. */
export function createLogger(options: { name: string; level: string }, destination?: DestinationStream): Logger {
  const config = {
    name: options.name,
    level: options.level,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }), bindings: () => ({ name: options.name, pid: process.pid }) },
    redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[redacted]' },
    serializers: { err: serializeError },
  };
  return destination ? pino(config, destination) : pino(config);
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack } = error;
  const code = (error as { code?: unknown }).code;
  return {
    name,
    message: message.slice(0, 1_000),
    ...(code === undefined ? {} : { code: code as string | number }),
    stack: stack?.slice(0, 4_000),
  };
}
