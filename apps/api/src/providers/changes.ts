/** What a change of a provider must not do: leave it unable to work, or send its stored key to another host. */
import { effectiveBaseUrl } from '@llm-gateway/providers';
import type { ErrorDetail, ProviderConfig } from '@llm-gateway/shared';
import { invalid } from '../http/parse.js';
import { missingFields, modelProblem, type ProviderPatch } from './wire.js';

/** @throws GatewayError invalid_request with every problem that the provider would have after this patch. */
export function checkPatch(row: ProviderConfig, patch: ProviderPatch): void {
  const type = patch.type ?? row.type;
  const baseUrl = patch.base_url === undefined ? row.baseUrl : patch.base_url;
  const models = patch.models ?? row.models;
  const defaultModel = patch.default_model ?? row.defaultModel;
  const hasKey = patch.api_key === undefined ? row.apiKeyCiphertext : patch.api_key;
  const problems: ErrorDetail[] = missingFields({
    type,
    base_url: baseUrl,
    default_model: defaultModel,
    models,
    api_key: hasKey,
  });
  const wrongModel = modelProblem(defaultModel, models);
  if (wrongModel !== null) problems.push({ path: 'default_model', message: wrongModel });
  if (row.apiKeyCiphertext !== null && patch.api_key === undefined && problems.length === 0 && movesHost(row, type, baseUrl)) {
    problems.push({
      path: 'api_key',
      message: 'must be sent again when the host changes: a stored key is not sent to another host',
    });
  }
  if (problems.length > 0) throw invalid(problems);
}

function movesHost(row: ProviderConfig, type: ProviderConfig['type'], baseUrl: string | null): boolean {
  const origin = (of: ProviderConfig['type'], url: string | null): string => new URL(effectiveBaseUrl(of, url)).origin;
  return origin(row.type, row.baseUrl) !== origin(type, baseUrl);
}
