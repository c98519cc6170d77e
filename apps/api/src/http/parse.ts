import { GatewayError, type ErrorDetail } from '@llm-gateway/shared';
import type { z } from 'zod';

/** More than a person reads; a hostile body must not make a response of megabytes. */
const MAX_DETAILS = 100;
const MAX_NAME = 100;
const MISSING = 'is required';

/**
 * Reads a body or a query.
 * @throws GatewayError invalid_request with every problem in `details`, by path (`messages.0.role`).
 */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value, { error: missing });
  if (parsed.success) return parsed.data;
  const details = parsed.error.issues.flatMap((issue) => describe(issue, []));
  throw invalid(details);
}

/** @returns the refusal for these problems, its message naming the first of them. */
export function invalid(details: ErrorDetail[]): GatewayError {
  const [first] = details;
  const where = first?.path ? `${first.path}: ` : '';
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : '';
  return new GatewayError('invalid_request', `${where}${first?.message ?? 'the request is not valid'}${more}`, {
    details: bounded(details),
  });
}

const missing: z.core.$ZodErrorMap = (issue) =>
  issue.input === undefined && issue.code.startsWith('invalid_') ? MISSING : undefined;

function describe(issue: z.core.$ZodIssue, base: PropertyKey[]): ErrorDetail[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, MAX_DETAILS + 1).map((key) => ({ path: join([...path, key]), message: 'is not a known field' }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return describeUnion(issue, path);
  const isMissing = path.length === 0 && issue.message === MISSING;
  return [{ path: join(path), message: isMissing ? 'a JSON body is required' : issue.message }];
}

/** Of the shapes that a value may have, the one that it comes closest to says what is wrong; else all say what they expect. */
function describeUnion(issue: z.core.$ZodIssueInvalidUnion, path: PropertyKey[]): ErrorDetail[] {
  const closest = issue.errors.find(
    (errors) => !errors.some((error) => error.path.length === 0 && error.code === 'invalid_type'),
  );
  if (closest) return closest.flatMap((error) => describe(error, path));
  const expected = issue.errors.flatMap((errors) =>
    errors.map((error) => ('expected' in error ? error.expected : error.message)),
  );
  return [{ path: join(path), message: `expected ${[...new Set(expected)].join(' or ')}` }];
}

const join = (path: PropertyKey[]): string => path.map((part) => String(part).slice(0, MAX_NAME)).join('.');

function bounded(details: ErrorDetail[]): ErrorDetail[] {
  if (details.length <= MAX_DETAILS) return details;
  return [...details.slice(0, MAX_DETAILS), { path: '', message: `and ${details.length - MAX_DETAILS} more problems` }];
}
