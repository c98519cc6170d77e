/**
 * The provider of the benchmark: answers a chat completion after a delay, and counts. `/d<delay ms>/<who>/v1/chat/completions`;
 * `GET /count/<who>` says how many calls `who` has made.
 */
import { createServer } from 'node:http';

const ANSWER = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_764_000_000,
  model: 'gpt-4o-mini',
  choices: [
    {
      index: 0,
      finish_reason: 'stop',
      message: { role: 'assistant', content: 'The quick brown fox jumps over the lazy dog. '.repeat(10), refusal: null },
    },
  ],
  usage: { prompt_tokens: 120, completion_tokens: 110, total_tokens: 230, prompt_tokens_details: { cached_tokens: 0 } },
});
const HEADERS = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(ANSWER) };

const counts = new Map();

const server = createServer((request, response) => {
  const [, first, who] = request.url.split('/');
  if (first === 'count') return response.end(String(counts.get(who) ?? 0));
  request.resume().once('end', () => {
    counts.set(who, (counts.get(who) ?? 0) + 1);
    const delayMs = Number(first.slice(1));
    const answer = () => response.writeHead(200, HEADERS).end(ANSWER);
    if (delayMs > 0) setTimeout(answer, delayMs);
    else answer();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ msg: 'listening', port: server.address().port })));
