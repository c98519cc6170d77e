/** Which provider can serve which model, as far as its configuration and the model's name tell. */
import type { ProviderConfig, ProviderType } from '@llm-gateway/shared';

/** How each vendor's own models are called. `custom` may serve anything. */
const FAMILIES = {
  claude: /^claude-/i,
  openai: /^(gpt-|chatgpt-|o[1-9](-|$)|ft:(gpt|o[1-9])|codex-)/i,
  gemini: /^(models\/)?(gemini|gemma|learnlm)-/i,
  mistral:
    /^(mistral|ministral|magistral|codestral|devstral|pixtral|voxtral|open-mistral|open-mixtral|open-codestral|ft:(mistral|ministral|open-mistral))/i,
  // Together names every model organisation/model; `models/` is how Gemini writes its own.
  llama: /^(?!models\/)[\w.-]+\/[\w.:-]+$/i,
  custom: /^/,
} as const satisfies Record<ProviderType, RegExp>;

/** `known`: listed, the default, or named like the vendor's own. `possible`: a custom server that may have any model. `no`: it has not. */
export type Serves = 'known' | 'possible' | 'no';

export function serves(provider: ProviderConfig, model: string): Serves {
  if (provider.defaultModel === model || provider.models.includes(model)) return 'known';
  if (provider.models.length > 0) return 'no';
  if (provider.type === 'custom') return 'possible';
  return FAMILIES[provider.type].test(model) ? 'known' : 'no';
}

/** Is there an enabled provider that a vendor stands behind? */
export const hasReal = (providers: readonly ProviderConfig[]): boolean =>
  providers.some(({ enabled, standIn }) => enabled && !standIn);

/** Whether an explicit choice of this provider for this model is allowed: by its list alone, names are not guessed at. */
export const allows = (provider: ProviderConfig, model: string): boolean =>
  provider.models.length === 0 || provider.models.includes(model) || provider.defaultModel === model;
