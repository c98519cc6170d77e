/** One HTTP call with a hard bound, on kept-alive connections, that tells how it failed. */
import { Agent, request } from 'node:http';

export interface HttpCall {
  port: number;
  path: string;
  headers: Record<string, string>;
  body: string;
  /** From the call to the end of its answer. */
  withinMs: number;
  signal?: AbortSignal;
}

export type HttpAnswer =
  | { kind: 'answered'; status: number; headers: Record<string, string | undefined>; text: string }
  /** `refused`: nobody listens. `reset`: the connection ended without an answer. `silent`: nothing came in time. */
  | { kind: 'refused' | 'reset' | 'silent' };

const agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 2_048 });

export function httpPost({ port, path, headers, body, withinMs, signal }: HttpCall): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    const call = request({ agent, host: '127.0.0.1', port, path, method: 'POST', headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => settle({ kind: 'reset' }));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        settle({ kind: 'answered', status: response.statusCode ?? 0, headers: response.headers as Record<string, string>, text });
      });
    });
    const timer = setTimeout(() => {
      settle({ kind: 'silent' });
      call.destroy();
    }, withinMs);
    const settle = (answer: HttpAnswer): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    call.on('error', (error: NodeJS.ErrnoException) => settle({ kind: error.code === 'ECONNREFUSED' ? 'refused' : 'reset' }));
    call.end(body);
  });
}
