import type { ProviderAnswer, ProviderCall } from '@llm-gateway/providers';
import { conversation, ProviderError, type GenerateRequest, type GenerationParameters } from '@llm-gateway/shared';
import type { ReadyProvider } from '../provider-pool.js';

export interface Call {
  request: GenerateRequest;
  model: string;
  /** Epoch ms. */
  deadline: number;
  signal: AbortSignal;
}

/** Calls the provider within the request's deadline and its own. @returns the failure rather than throwing it: both are results here. */
export async function callProvider(
  provider: Pick<ReadyProvider, 'config' | 'client'>,
  { request, model, deadline, signal }: Call,
): Promise<ProviderAnswer | ProviderError> {
  const timeoutMs = Math.max(1, Math.min(deadline - Date.now(), provider.config.timeoutMs ?? Infinity));
  const call = { model, messages: conversation(request), ...parametersOf(request), timeoutMs };
  try {
    return await provider.client.generate(call, signal);
  } catch (error) {
    if (error instanceof ProviderError) return error;
    // An adapter's own fault. Its text may hold anything, so it is not passed on.
    return new ProviderError('bad_response', 'the provider answered in a way that could not be read', { cause: error });
  }
}

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : Name;

/** A place for every parameter, none optional: one that is forgotten here, or in ProviderCall, does not compile. */
type CallParameters = {
  [Name in keyof Required<GenerationParameters> as CamelCase<Name>]: CamelCase<Name> extends keyof ProviderCall
    ? ProviderCall[CamelCase<Name>]
    : never;
};

function parametersOf({ stop, ...request }: GenerationParameters): CallParameters {
  return {
    system: request.system,
    maxTokens: request.max_tokens,
    temperature: request.temperature,
    topP: request.top_p,
    stop: typeof stop === 'string' ? [stop] : stop,
    seed: request.seed,
    responseFormat: request.response_format,
  };
}
