const KEY_SHAPES = [
  /\bBearer\s+[^\s"',;]+/gi,
  // Vendors' prefixes, their own masking with asterisks included: OpenAI, Anthropic, Groq, xAI, Together, Hugging Face, NVIDIA.
  /\b(?:sk|pk|rk|gsk|xai|tgp|hf|nvapi)[-_][\w*.-]{4,}/g,
  /\bAIza[\w-]{6,}/g,
  /\bya29\.[\w.-]+/g,
  /\beyJ[\w-]{8,}\.[\w.-]+/g,
  /(?<=[?&](?:key|api_key|api-key|token)=)[^&\s"']+/gi,
];
/** Shorter than this a "key" is a placeholder, and cutting it out would garble plain words. */
const SHORTEST_KEY = 4;

/** @returns the text without the given key and without anything that looks like one. Redact before cutting to length. */
export function redact(text: string, apiKey: string | null): string {
  const known = apiKey !== null && apiKey.length >= SHORTEST_KEY ? text.replaceAll(apiKey, '[redacted]') : text;
  return KEY_SHAPES.reduce((current, shape) => current.replace(shape, '[redacted]'), known);
}
