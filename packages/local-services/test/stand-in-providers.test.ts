import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startStandInProviders, type StandInProviders } from '../src/index.js';

let standIn: StandInProviders;
beforeAll(async () => void (standIn = await startStandInProviders()));
afterAll(() => standIn.stop());

async function post(url: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

const messages = [{ role: 'user', content: 'good morning, whoever you are' }];

it('answers like Claude, with token counts', async () => {
  const answer = await post(`${standIn.baseUrlFor('claude')}/v1/messages`, { model: 'm', max_tokens: 9, messages });
  expect(answer).toMatchObject({ content: [{ text: expect.stringContaining('good morning') }], usage: { input_tokens: 8 } });
});

it('answers like Gemini, with token counts', async () => {
  const contents = [{ role: 'user', parts: [{ text: messages[0]?.content }] }];
  const answer = await post(`${standIn.baseUrlFor('gemini')}/v1beta/models/m:generateContent`, { contents });
  expect(answer).toMatchObject({ usageMetadata: { promptTokenCount: 8, candidatesTokenCount: expect.any(Number) } });
});

it.each(['openai', 'llama', 'mistral', 'custom'] as const)(
  'answers chat completions for %s, in JSON where asked',
  async (type) => {
    const before = standIn.requests();
    const answer = await post(`${standIn.baseUrlFor(type)}${type === 'mistral' ? '/v1' : ''}/chat/completions`, {
      model: 'm',
      messages,
      response_format: { type: 'json_object' },
    });
    expect(answer).toMatchObject({
      choices: [{ message: { content: expect.stringMatching(/^\{"answer":".*good morning/) } }],
      usage: { prompt_tokens: 8 },
    });
    expect(standIn.requests()).toBe(before + 1);
  },
);
