import { ProviderError, type ProviderType } from '@llm-gateway/shared';

/** `sdkAdds`: the version part that the SDK appends itself; people paste base URLs with and without it. */
const VENDOR_URLS = {
  claude: { url: 'https://api.anthropic.com', sdkAdds: '/v1' },
  openai: { url: 'https://api.openai.com/v1', sdkAdds: null },
  gemini: { url: 'https://generativelanguage.googleapis.com', sdkAdds: '/v1beta' },
  llama: { url: 'https://api.together.xyz/v1', sdkAdds: null },
  mistral: { url: 'https://api.mistral.ai', sdkAdds: '/v1' },
  custom: { url: null, sdkAdds: null },
} as const satisfies Record<ProviderType, { url: string | null; sdkAdds: string | null }>;

/**
 * The URL that calls really go to: the given one or the vendor's own, without trailing slashes and without the version part
 * that the vendor's SDK adds. Part of the cache key.
 * @throws ProviderError invalid_request for a custom provider without a URL.
 */
export function effectiveBaseUrl(type: ProviderType, baseUrl: string | null): string {
  const { url, sdkAdds } = VENDOR_URLS[type];
  const given = baseUrl ?? url;
  if (given === null) throw new ProviderError('invalid_request', 'a custom provider needs a base_url');
  const trimmed = given.replace(/\/+$/, '');
  return sdkAdds !== null && trimmed.endsWith(sdkAdds) ? trimmed.slice(0, -sdkAdds.length).replace(/\/+$/, '') : trimmed;
}
