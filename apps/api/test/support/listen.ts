import { PassThrough } from 'node:stream';
import { createLogger, type Logger } from '@llm-gateway/shared';
import type { Express } from 'express';
import { serve, type RunningServer } from '../../src/server.js';

export interface Listening extends RunningServer {
  url: string;
}

/** The app on a free port of the loopback, as main.ts would serve it. */
export async function listen(app: Express): Promise<Listening> {
  const server = await serve(app, { port: 0, host: '127.0.0.1' });
  return { ...server, url: `http://127.0.0.1:${server.port}` };
}

/** A real logger whose lines can be read. */
export function readableLogger(level = 'info'): { logger: Logger; lines: () => Record<string, unknown>[]; clear: () => void } {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const logger = createLogger({ name: 'test', level }, stream);
  const lines = () =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { logger, lines, clear: () => (text = '') };
}
