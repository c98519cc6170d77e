/** Requests at a steady rate, whatever becomes of those before: each is timed from the moment at which it was due. */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** @param plan `{ url, headers, body, amount, rate }`: so many a second. `[<id>]` in the body is replaced. @returns what went wrong, as autocannon names it. */
export async function paced({ url, headers, body, amount, rate }, onAnswer) {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  const faults = { non2xx: 0, errors: 0, timeouts: 0 };
  const run = Math.random().toString(36).slice(2);
  const from = performance.now();
  const answers = [];
  for (let i = 0; i < amount; i++) {
    const due = from + (i * 1_000) / rate;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    answers.push(
      send({ url, headers, agent }, body.replaceAll('[<id>]', `${run}-${i}`)).then(
        (status) => {
          onAnswer(performance.now() - due);
          if (status < 200 || status > 299) faults.non2xx++;
        },
        () => faults.errors++,
      ),
    );
  }
  await Promise.all(answers);
  agent.destroy();
  return faults;
}

function send({ url, headers, agent }, body) {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } });
    outgoing.once('error', reject);
    outgoing.once('response', (incoming) =>
      incoming
        .resume()
        .once('end', () => resolve(incoming.statusCode))
        .once('error', reject),
    );
    outgoing.end(body);
  });
}
