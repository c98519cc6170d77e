/** What goes over the wire: path, key header, body. */
import { describe, expect, it } from '@jest/globals';
import type { ProviderType } from '@llm-gateway/shared';
import type { ProviderCall } from '../src/index.js';
import { API_KEY, callTo, never, providerAt } from './support/calls.js';
import { answering, fixture, startVendor } from './support/vendor-server.js';

const ANSWERS: Record<ProviderType, string> = {
  claude: 'claude/text',
  openai: 'openai/text',
  gemini: 'gemini/thoughts',
  llama: 'openai/text',
  mistral: 'mistral/text',
  custom: 'openai/text',
};

async function sent(type: ProviderType, overrides: Partial<ProviderCall> = {}, apiKey: string | null = API_KEY) {
  const server = await startVendor(answering(200, fixture(ANSWERS[type])));
  try {
    const { warnings } = await providerAt(type, server.url, apiKey).generate(callTo(type, overrides), never());
    const [request] = server.received;
    if (!request || server.received.length > 1) throw new Error(`expected one request, got ${server.received.length}`);
    return { ...request, warnings };
  } finally {
    await server.stop();
  }
}

const EVERYTHING: Partial<ProviderCall> = {
  system: 'Be brief.',
  messages: [
    { role: 'user', content: 'One' },
    { role: 'assistant', content: 'Two' },
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'Three' },
  ],
  maxTokens: 99,
  temperature: 0.5,
  stop: ['END'],
  seed: 7,
};
const SCHEMA = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false };

describe('claude', () => {
  it('is asked with every parameter it has, system texts hoisted, the seed named as dropped', async () => {
    const { path, headers, body, warnings } = await sent('claude', EVERYTHING);
    expect([path, headers.authorization]).toEqual(['/v1/messages', `Bearer ${API_KEY}`]);
    expect(body).toEqual({
      model: 'claude-haiku-4-5',
      max_tokens: 99,
      temperature: 0.5,
      stop_sequences: ['END'],
      system: 'Be brief.\n\nBe kind.',
      messages: [
        { role: 'user', content: 'One' },
        { role: 'assistant', content: 'Two' },
        { role: 'user', content: 'Three' },
      ],
    });
    expect(warnings).toEqual(['seed is not supported by claude-haiku-4-5 and was dropped']);
  });

  it('gets the max_tokens that it demands', async () => {
    expect((await sent('claude')).body).toEqual({
      model: 'claude-haiku-4-5',
      max_tokens: 8_192,
      messages: [{ role: 'user', content: 'Say hello' }],
    });
  });

  it('gets a temperature of at most 1, and either temperature or top_p', async () => {
    const { body, warnings } = await sent('claude', { temperature: 1.7, topP: 0.9 });
    expect(body).toMatchObject({ temperature: 1 });
    expect(body).not.toHaveProperty('top_p');
    expect(warnings).toEqual([
      'temperature 1.7 was lowered to 1, the highest that claude takes',
      'top_p is not supported by claude together with temperature and was dropped',
    ]);
    expect((await sent('claude', { topP: 0.9 })).body).toMatchObject({ top_p: 0.9 });
  });

  it.each(['claude-opus-4-7', 'claude-opus-4-8', 'claude-opus-5', 'claude-sonnet-5', 'claude-fable-5'])(
    'is spared the sampling parameters that %s refuses',
    async (model) => {
      const { body, warnings } = await sent('claude', { model, temperature: 0.5, topP: 0.5 });
      expect(Object.keys(body)).toEqual(expect.not.arrayContaining(['temperature', 'top_p']));
      expect(warnings).toHaveLength(2);
    },
  );

  it.each(['claude-sonnet-4-20250514', 'claude-opus-4-1-20250805', 'claude-sonnet-4-6', 'claude-3-5-haiku-latest', 'claude-2.1'])(
    'gets the temperature that %s takes',
    async (model) => {
      expect(await sent('claude', { model, temperature: 0.5 })).toMatchObject({ body: { temperature: 0.5 }, warnings: [] });
    },
  );

  it('is asked for a schema by output_config, and for plain JSON by words, with a warning', async () => {
    const withSchema = await sent('claude', { responseFormat: { type: 'json_schema', schema: SCHEMA } });
    expect(withSchema.body['output_config']).toEqual({ format: { type: 'json_schema', schema: SCHEMA } });
    const plain = await sent('claude', { system: 'Be brief.', responseFormat: { type: 'json' } });
    expect(plain.body['system']).toMatch(/^Be brief\.\n\nAnswer with one valid JSON object/);
    expect(plain.warnings).toEqual([expect.stringContaining('no JSON mode')]);
  });
});

describe('gemini', () => {
  it('is asked with every parameter, system texts hoisted, the key in a header and not in the URL', async () => {
    const { path, headers, body, warnings } = await sent('gemini', { ...EVERYTHING, topP: 0.9 });
    expect([path, headers['x-goog-api-key']]).toEqual(['/v1beta/models/gemini-2.5-flash:generateContent', API_KEY]);
    expect(body).toEqual({
      contents: [
        { role: 'user', parts: [{ text: 'One' }] },
        { role: 'model', parts: [{ text: 'Two' }] },
        { role: 'user', parts: [{ text: 'Three' }] },
      ],
      systemInstruction: { role: 'system', parts: [{ text: 'Be brief.\n\nBe kind.' }] },
      generationConfig: { maxOutputTokens: 99, temperature: 0.5, topP: 0.9, stopSequences: ['END'], seed: 7 },
      safetySettings: [],
    });
    expect(warnings).toEqual([]);
  });

  it('is asked for JSON and for a schema', async () => {
    const plain = await sent('gemini', { responseFormat: { type: 'json' } });
    expect(plain.body['generationConfig']).toEqual({ responseMimeType: 'application/json' });
    const withSchema = await sent('gemini', { responseFormat: { type: 'json_schema', schema: SCHEMA } });
    expect(withSchema.body['generationConfig']).toEqual({ responseMimeType: 'application/json', responseJsonSchema: SCHEMA });
  });

  it.each(['../../v1/files', 'a?key=b', 'a#b', 'a b', 'a%2e'])(
    'is never called with the model %j, which would change the URL',
    async (model) => {
      await expect(sent('gemini', { model })).rejects.toMatchObject({ fault: 'not_found' });
    },
  );
});

describe('mistral', () => {
  it('is asked with every parameter', async () => {
    const { path, headers, body, warnings } = await sent('mistral', { ...EVERYTHING, topP: 0.9 });
    expect([path, headers.authorization]).toEqual(['/v1/chat/completions', `Bearer ${API_KEY}`]);
    expect(body).toMatchObject({
      model: 'mistral-small-latest',
      max_tokens: 99,
      temperature: 0.5,
      top_p: 0.9,
      stop: ['END'],
      random_seed: 7,
    });
    expect((body['messages'] as object[])[0]).toMatchObject({ role: 'system', content: 'Be brief.' });
    expect(body['messages']).toHaveLength(5);
    expect(warnings).toEqual([]);
  });

  it('is asked for JSON, with the word that its JSON mode wants, and for a schema', async () => {
    const plain = (await sent('mistral', { responseFormat: { type: 'json' } })).body;
    expect(plain).toMatchObject({
      response_format: { type: 'json_object' },
      messages: [{ content: expect.stringContaining('JSON') }, {}],
    });
    const withSchema = (await sent('mistral', { responseFormat: { type: 'json_schema', schema: SCHEMA } })).body;
    expect(withSchema['response_format']).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'response', schema: SCHEMA, strict: true },
    });
  });

  it('gets a temperature of at most 1.5', async () => {
    const { body, warnings } = await sent('mistral', { temperature: 2 });
    expect(body).toMatchObject({ temperature: 1.5 });
    expect(warnings).toEqual(['temperature 2 was lowered to 1.5, the highest that mistral takes']);
  });
});

describe.each(['openai', 'llama', 'custom'] as const)('%s', (type) => {
  it('is asked with every parameter', async () => {
    const { path, headers, body, warnings } = await sent(type, { ...EVERYTHING, topP: 0.9 });
    expect([path, headers.authorization]).toEqual(['/chat/completions', `Bearer ${API_KEY}`]);
    expect(body).toEqual({
      model: callTo(type).model,
      messages: [{ role: 'system', content: 'Be brief.' }, ...(EVERYTHING.messages ?? [])],
      max_tokens: 99,
      temperature: 0.5,
      top_p: 0.9,
      stop: ['END'],
      seed: 7,
    });
    expect(warnings).toEqual([]);
  });

  it('is asked for JSON, with the word that the JSON mode wants, and for a schema', async () => {
    const plain = (await sent(type, { responseFormat: { type: 'json' } })).body;
    expect(plain).toMatchObject({
      response_format: { type: 'json_object' },
      messages: [{ role: 'system', content: expect.stringContaining('JSON') }, {}],
    });
    const said = [{ role: 'user' as const, content: 'As json, please' }];
    expect((await sent(type, { messages: said, responseFormat: { type: 'json' } })).body['messages']).toEqual(said);
    const withSchema = (await sent(type, { responseFormat: { type: 'json_schema', schema: SCHEMA } })).body;
    expect(withSchema['response_format']).toEqual({
      type: 'json_schema',
      json_schema: { name: 'response', schema: SCHEMA, strict: true },
    });
  });
});

describe('models that reason', () => {
  it.each(['o1', 'o3-mini', 'o4-mini-2025-04-16', 'gpt-5', 'gpt-5-mini', 'gpt-5.1', 'ft:o4-mini:acme'])(
    'openai %s gets max_completion_tokens and none of the parameters it refuses',
    async (model) => {
      const { body, warnings } = await sent('openai', {
        model,
        maxTokens: 50,
        temperature: 0.2,
        topP: 0.9,
        stop: ['x'],
        seed: 1,
      });
      expect(body).toEqual({ model, messages: [{ role: 'user', content: 'Say hello' }], max_completion_tokens: 50, seed: 1 });
      expect(warnings).toEqual(
        ['temperature', 'top_p', 'stop'].map((name) => `${name} is not supported by ${model} and was dropped`),
      );
    },
  );

  it.each(['gpt-4o', 'gpt-4.1-mini', 'gpt-5-chat-latest', 'gpt-3.5-turbo', 'omni-7b', 'gpt-oss-120b'])(
    '%s is not taken for one',
    async (model) => {
      expect(await sent('openai', { model, maxTokens: 50, temperature: 0.2 })).toMatchObject({
        body: { max_tokens: 50, temperature: 0.2 },
        warnings: [],
      });
    },
  );
});

describe('the key', () => {
  it.each(['custom', 'llama'] as const)('%s at a server without keys gets no authorization header', async (type) => {
    expect((await sent(type, {}, null)).headers.authorization).toBeUndefined();
  });

  it.each(['claude', 'openai', 'gemini', 'mistral'] as const)('%s without one fails as auth without a call', async (type) => {
    await expect(sent(type, {}, null)).rejects.toMatchObject({ fault: 'auth', message: `this ${type} provider has no API key` });
  });
});
