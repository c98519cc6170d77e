/** What the vendors' request translations share. */
import type { ProviderCall } from '../provider.js';

/** Collects what could not be done as asked. */
export class Warnings {
  readonly list: string[] = [];

  constructor(private readonly who: string) {}

  dropped(parameter: string): undefined {
    this.list.push(`${parameter} is not supported by ${this.who} and was dropped`);
  }

  add(sentence: string): void {
    this.list.push(sentence);
  }
}

/** @returns a temperature that the vendor takes, with a warning where it is not the one asked for. */
export function temperatureUpTo(
  max: number,
  { temperature }: ProviderCall,
  vendor: string,
  warnings: Warnings,
): number | undefined {
  if (temperature === undefined || temperature <= max) return temperature;
  warnings.add(`temperature ${temperature} was lowered to ${max}, the highest that ${vendor} takes`);
  return max;
}

/** All system texts in order, joined by blank lines, for vendors that take them apart from the conversation. */
export function hoistSystem({ system, messages }: ProviderCall): string | undefined {
  const texts = messages.filter(({ role }) => role === 'system').map(({ content }) => content);
  const all = system === undefined ? texts : [system, ...texts];
  return all.length === 0 ? undefined : all.join('\n\n');
}

export const joinParagraphs = (...texts: (string | undefined)[]): string | undefined =>
  texts.filter((text) => text !== undefined).join('\n\n') || undefined;

export const turns = ({ messages }: ProviderCall) =>
  messages.flatMap(({ role, content }) => (role === 'system' ? [] : [{ role, content }]));

export const JSON_INSTRUCTION = 'Answer with one valid JSON object and nothing else: no explanation, no code fence.';

/**
 * OpenAI's JSON mode refuses a conversation that never says "JSON", and Mistral asks for the same; a caller of the gateway
 * need not know. Source: https://platform.openai.com/docs/guides/structured-outputs (JSON mode).
 */
export function withJsonInstruction(call: ProviderCall): ProviderCall {
  if (call.responseFormat?.type !== 'json') return call;
  const texts = [call.system ?? '', ...call.messages.map(({ content }) => content)];
  return texts.some((text) => /json/i.test(text)) ? call : { ...call, system: joinParagraphs(call.system, JSON_INSTRUCTION) };
}

/** The conversation with its system text as a first message, for vendors that know the role. */
export const withSystemMessage = ({ system, messages }: ProviderCall) =>
  system === undefined ? messages : [{ role: 'system' as const, content: system }, ...messages];
