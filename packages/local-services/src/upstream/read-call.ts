import type { IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import { PROVIDER_TYPES, type ProviderType } from '@llm-gateway/shared';
import type { UpstreamCall } from './upstream.js';
import { lastText, VENDOR_WIRES } from './vendor-wire.js';

/** `/{type}` or `/{type}.{label}`, before what the vendor's own API has. */
export const addressOf = (type: ProviderType, label: string): string => `/${type}${label && `.${label}`}`;

const ADDRESS = new RegExp(`^/(${PROVIDER_TYPES.join('|')})(?:\\.([^/]+))?(/.*)$`);

/** @returns the call, or null where no vendor listens: the caller has the wrong address. */
export async function readCall(request: IncomingMessage, number: number): Promise<UpstreamCall | null> {
  const startedAtMs = performance.now();
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const [, type, label = '', rest = ''] = ADDRESS.exec(path) ?? [];
  const text = await readText(request);
  if (type === undefined) return null;
  const wire = VENDOR_WIRES[type as ProviderType];
  if (request.method !== 'POST' || !rest.startsWith(wire.basePath) || !wire.route.test(rest.slice(wire.basePath.length)))
    return null;
  const body = parseObject(text);
  return {
    number,
    type: type as ProviderType,
    label,
    path,
    headers: request.headers,
    apiKey: wire.apiKey(request.headers) ?? null,
    body,
    model: asText(wire.model(body, rest)),
    prompt: lastText(wire.messages(body)),
    port: request.socket.remotePort,
    startedAtMs,
    endedAtMs: null,
    outcome: 'open',
  };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parseObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('the body of a call must be a JSON object');
  return value as Record<string, unknown>;
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');
