/** Reads a JSON body with a hard bound on what is kept in memory. Express's own parser has no such care for hostile JSON. */
import { isUtf8 } from 'node:buffer';
import { GatewayError } from '@llm-gateway/shared';
import type { Request, RequestHandler } from 'express';
import sjson from 'secure-json-parse';
import { jsonExcess } from './json-excess.js';

const JSON_TYPE = /^application\/json\s*(;|$)/i;

/** How much of a refused body is read and thrown away, so that the caller gets to see the refusal, before the line is cut. */
const DISCARD_FACTOR = 16;

/** Sets `req.body` from a JSON body; undefined where there is none. @throws GatewayError payload_too_large, invalid_request, cancelled. */
export function readJson(maxBytes: number): RequestHandler {
  return async (req, _res, next) => {
    // Two mounts may match one path (`/jobs/replay/…`, `/jobs/:id/replay/…`): what the first has read does not come again.
    if (req.body === undefined) req.body = hasBody(req) ? parseJson(await readBody(req, maxBytes)) : undefined;
    next();
  };
}

const hasBody = (req: Request): boolean =>
  req.headers['transfer-encoding'] !== undefined || (req.headers['content-length'] ?? '0') !== '0';

async function readBody(req: Request, maxBytes: number): Promise<Buffer> {
  const type = req.headers['content-type'];
  const encoding = req.headers['content-encoding'] ?? 'identity';
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(req, maxBytes);
  if (type === undefined || !JSON_TYPE.test(type)) throw refused('the content-type must be application/json');
  if (encoding !== 'identity') throw refused('compressed bodies are not taken: send the body without content-encoding');
  return collect(req, maxBytes);
}

function collect(req: Request, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let settled = false;
    // The listeners stay: to take them off costs more than calls that come to nothing, and a connection that fails later must find one.
    const settle = (finish: () => void) => {
      if (!settled) finish();
      settled = true;
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else settle(() => reject(tooLarge(req, maxBytes, chunks)));
    };
    const onEnd = () => settle(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size)));
    const onGone = () => settle(() => reject(new GatewayError('cancelled', 'the caller hung up')));
    req.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
  });
}

function tooLarge(req: Request, maxBytes: number, kept: Buffer[] = []): GatewayError {
  kept.length = 0;
  let discarded = 0;
  req.on('data', (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > maxBytes * DISCARD_FACTOR) req.socket.destroy();
  });
  return new GatewayError('payload_too_large', `the body is larger than ${maxBytes} bytes`);
}

function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw refused('the body is not valid UTF-8');
  const excess = jsonExcess(body);
  if (excess !== null) throw refused(excess);
  try {
    return sjson.parse(body.toString('utf8'), undefined, { protoAction: 'error', constructorAction: 'error' });
  } catch (error) {
    if (error instanceof SyntaxError && error.message.includes('forbidden prototype')) {
      throw refused('__proto__ and constructor.prototype are not taken as names');
    }
    throw refused('the body is not valid JSON');
  }
}

const refused = (message: string): GatewayError =>
  new GatewayError('invalid_request', message, { details: [{ path: '', message }] });
