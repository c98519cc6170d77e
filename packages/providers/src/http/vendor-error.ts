/** Reads a vendor's error answer: its words, its codes, its wish for a pause. Nothing else of it leaves this package. */
import { ProviderError } from '@llm-gateway/shared';
import { z } from 'zod';
import { faultOf } from './faults.js';
import { redact } from './redact.js';
import { retryAfterMs } from './retry-after.js';

export interface HttpAnswer {
  status: number;
  /** Names in lower case. */
  headers: ReadonlyMap<string, string>;
  text: string;
}

const REQUEST_ID_HEADERS = ['request-id', 'x-request-id', 'mistral-correlation-id', 'x-goog-request-id'];
const LONGEST_PLAIN_TEXT = 200;

const text = z.string().optional().catch(undefined);
const codes = { type: text, status: text, reason: text, code: z.union([z.string(), z.number()]).optional().catch(undefined) };
const details = z
  .array(z.object({ ...codes, msg: text }))
  .optional()
  .catch(undefined);
/** The shapes in use: OpenAI, Claude and Gemini nest under `error`, Mistral is flat, FastAPI servers say `detail`. */
const errorBody = z.object({
  ...codes,
  message: z.union([text, z.object({ detail: details })]),
  detail: z.union([z.string(), details]),
  error: z
    .union([z.string(), z.object({ ...codes, message: text, details })])
    .optional()
    .catch(undefined),
  request_id: text,
});

/** Redacted as all that a vendor says: a server that sends back what it got may do so in any header. */
export function requestIdOf(headers: ReadonlyMap<string, string>, apiKey: string | null): string | undefined {
  const id = REQUEST_ID_HEADERS.map((name) => headers.get(name)).find((each) => each !== undefined);
  return id === undefined ? undefined : redact(id, apiKey);
}

/** @returns the body as JSON, or undefined where it is none. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** @param answer with a status that is not 2xx, or a 2xx whose body is an error object. */
export function vendorError(answer: HttpAnswer, apiKey: string | null): ProviderError {
  const json = parseJson(answer.text);
  const body = errorBody.safeParse(json).data;
  const words = body ? wordsOf(body) : { message: plainText(answer, apiKey), codes: [], code: undefined };
  const status = answer.status < 300 && isErrorStatus(words.code) ? words.code : answer.status;
  const said = redact((words.message ?? '').trim(), apiKey);
  return new ProviderError(
    faultOf(status, [...words.codes, words.message ?? '']),
    said === '' ? `the provider answered with status ${status}` : said,
    {
      httpStatus: status,
      retryAfterMs: retryAfterMs(answer.headers, json, Date.now()),
      vendorRequestId: requestIdOf(answer.headers, apiKey) ?? (body?.request_id && redact(body.request_id, apiKey)),
    },
  );
}

const isErrorStatus = (code: unknown): code is number => typeof code === 'number' && code >= 400 && code < 600;

function wordsOf(body: z.infer<typeof errorBody>) {
  const nested = typeof body.error === 'object' ? body.error : undefined;
  const flat = typeof body.message === 'object' ? listed(body.message.detail) : body.message;
  const inError = typeof body.error === 'string' ? body.error : nested?.message;
  const detail = typeof body.detail === 'string' ? body.detail : listed(body.detail);
  const sources = [nested ?? body, ...(nested?.details ?? [])];
  const codesSaid = sources.flatMap((each) => [each.type, each.code, each.status, each.reason]);
  return {
    message: inError ?? flat ?? detail,
    codes: codesSaid.filter((each) => typeof each === 'string'),
    code: nested?.code ?? body.code,
  };
}

/** FastAPI's list of faults. Only its messages: the entries also repeat the input. */
const listed = (faults: z.infer<typeof details>): string | undefined =>
  faults
    ?.map((each) => each.msg)
    .filter((each) => each !== undefined)
    .join('; ');

/** A proxy's HTML page says nothing to a caller; a line of plain text may. */
function plainText({ headers, text: body }: HttpAnswer, apiKey: string | null): string | undefined {
  const isPage = /html/i.test(headers.get('content-type') ?? '') || body.trimStart().startsWith('<');
  // Redacted before it is cut: half a key would not be recognised.
  return isPage ? undefined : redact(body, apiKey).slice(0, LONGEST_PLAIN_TEXT);
}
