/**
 * The HTTP of one call. Its `fetch` goes to the vendor's SDK and does what the SDKs leave undone: one deadline over headers and
 * body, no redirects, a size cap, the egress guard, and one classification of everything that can fail. It reads the whole body
 * itself, so the SDK never holds a stream that could outlive the deadline.
 */
import { ProviderError } from '@llm-gateway/shared';
import { request, type Agent, type Dispatcher } from 'undici';
import { z } from 'zod';
import { deadlineController } from './deadline.js';
import { networkError } from './network-error.js';
import { redact } from './redact.js';
import { parseJson, requestIdOf, vendorError, type HttpAnswer } from './vendor-error.js';

export interface ExchangeOptions {
  agent: Agent;
  /** The only origin that may be called. */
  origin: string;
  apiKey: string | null;
  timeoutMs: number;
  signal: AbortSignal;
}

export interface Exchange {
  fetch: typeof globalThis.fetch;
  /** The vendor's id of this call, from its headers. */
  requestId(): string | undefined;
  /** What really happened, whatever the SDK made of it. */
  explain(error: unknown): ProviderError;
  close(): void;
}

export function openExchange(options: ExchangeOptions): Exchange {
  const deadline = deadlineController(options.timeoutMs, options.signal);
  let answer: HttpAnswer | undefined;
  let failure: ProviderError | undefined;

  const send = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const outgoing = await readRequest(input, init);
    if (outgoing.url.origin !== options.origin)
      throw new ProviderError('network', 'the call would leave the configured base_url');
    answer = await deadline.race(exchangeText(outgoing, options.agent, deadline.signal).catch(rethrowAsProviderError));
    return readAnswer(answer.text, assertJsonAnswer(answer, options.apiKey));
  };

  return {
    fetch: (input, init) =>
      send(input, init).catch((error: unknown) => {
        // Kept here because every SDK wraps or retypes what its fetch throws.
        failure = networkError(error);
        throw failure;
      }),
    requestId: () => answer && requestIdOf(answer.headers, options.apiKey),
    explain: (error) => deadline.reason() ?? failure ?? unreadable(error, answer, options.apiKey),
    close: deadline.close,
  };
}

interface OutgoingRequest {
  url: URL;
  method: Dispatcher.HttpMethod;
  headers: Record<string, string>;
  body: string;
}

/** What undici sets itself; Mistral's SDK adds an empty cookie. */
const OWN_HEADERS = ['content-length', 'connection', 'cookie'];

/** Mistral's SDK hands over a Request, the others a URL and an init. Signals in either are ignored: ours is the only clock. */
async function readRequest(input: string | URL | Request, init: RequestInit): Promise<OutgoingRequest> {
  const isRequest = input instanceof Request;
  const body = isRequest ? await input.text() : init.body;
  if (typeof body !== 'string') throw new ProviderError('invalid_request', 'the SDK sent a body that is not text');
  const given = [...new Headers(isRequest ? input.headers : init.headers)].filter(([name]) => !OWN_HEADERS.includes(name));
  // Plain text only: a small compressed body could otherwise unpack past the size cap.
  const headers = { ...Object.fromEntries(given), 'accept-encoding': 'identity' };
  return { url: new URL(isRequest ? input.url : input), method: 'POST', headers, body };
}

async function exchangeText({ url, ...outgoing }: OutgoingRequest, dispatcher: Agent, signal: AbortSignal): Promise<HttpAnswer> {
  const incoming = await request(url, { ...outgoing, dispatcher, signal });
  const headers = new Map(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
  return { status: incoming.statusCode, headers, text: await incoming.body.text() };
}

function rethrowAsProviderError(error: unknown): never {
  throw networkError(error);
}

/** An answer that is here and read: the SDK gets it without a stream to read it from again, which costs more than all else in a Response. */
function readAnswer(text: string, json: object): Response {
  return Object.assign(new Response(null, { status: 200, headers: { 'content-type': 'application/json' } }), {
    text: () => Promise.resolve(text),
    json: () => Promise.resolve(json),
    clone: () => readAnswer(text, json),
  });
}

/** @returns the body. @throws ProviderError unless the answer is a 2xx with a JSON object that is not an error. */
function assertJsonAnswer(answer: HttpAnswer, apiKey: string | null): object {
  const { status, headers, text } = answer;
  const options = { httpStatus: status, vendorRequestId: requestIdOf(headers, apiKey) };
  if (status >= 300 && status < 400)
    throw new ProviderError('bad_response', 'the provider answered with a redirect, which is not followed', options);
  if (status < 200 || status >= 400) throw vendorError(answer, apiKey);
  const json = parseJson(text);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    const got =
      text.trim() === '' ? 'an empty body' : redact(headers.get('content-type') ?? 'an unknown type', apiKey).slice(0, 60);
    throw new ProviderError('bad_response', `the provider answered ${status} with ${got} instead of a JSON object`, options);
  }
  // Routers such as OpenRouter report an upstream failure inside a 200.
  if ('error' in json && json.error && !('choices' in json)) throw vendorError(answer, apiKey);
  return json;
}

/** The SDK or our reading of its result failed without the wire failing: after an answer, its shape; before, the request. */
function unreadable(error: unknown, answer: HttpAnswer | undefined, apiKey: string | null): ProviderError {
  if (error instanceof ProviderError) return error;
  if (!answer)
    return new ProviderError('invalid_request', 'the request cannot be expressed in the form that this provider takes');
  const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
  const where = issue ? ` (${issue.path.join('.') || 'body'})` : '';
  const options = { httpStatus: answer.status, vendorRequestId: requestIdOf(answer.headers, apiKey) };
  return new ProviderError('bad_response', `the provider's answer does not have the expected shape${where}`, options);
}
