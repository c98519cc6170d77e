/** Promises that tests of the jest suites hold in the same terms. */
import type { HeldElsewhere } from '../fault-test.js';

const E2E = 'apps/standalone/test/e2e';

export const HELD_ELSEWHERE: readonly HeldElsewhere[] = [
  {
    id: '18',
    fault: 'a provider answers 429 with Retry-After: 5',
    pass: 'no replica calls it inside the 5 s, no attempt is used up by waiting, every request succeeds',
    heldBy: [
      {
        file: `${E2E}/faults.e2e.test.ts`,
        tests: ['is called by no replica inside the 5 s; requests wait for it or fall back, and none fails'],
      },
      { file: 'packages/providers/test/contract.test.ts', tests: ['reports a 429 as rate_limited with the wish to wait'] },
    ],
  },
  {
    id: '34',
    fault: '500 identical requests at once over two replicas',
    pass: 'one provider call, equal answers',
    heldBy: [
      {
        file: `${E2E}/main-job.e2e.test.ts`,
        tests: ['of 500 identical ones at once over two replicas reaches the provider once, and all get the same answer'],
      },
    ],
  },
  {
    id: '35',
    fault: 'an Idempotency-Key used again with another body',
    pass: '422, and the first result is untouched',
    heldBy: [
      {
        file: `${E2E}/main-job.e2e.test.ts`,
        tests: ['makes one provider call of many requests, at once and later, and refuses another body'],
      },
    ],
  },
  {
    id: '36',
    fault: 'a thousand failed jobs run again twice',
    pass: 'each is answered once, within the limits of their provider, with a row for each call',
    heldBy: [
      {
        file: `${E2E}/jobs.e2e.test.ts`,
        tests: [
          'run again twice, from two replicas at once, are each answered once, within the limits of their new provider',
          'never pass the requests a minute of their new provider',
        ],
      },
    ],
  },
  {
    id: '37',
    fault: 'two tenants ask the same',
    pass: 'no shared cache entry, and no two requests that differ share a key',
    heldBy: [
      { file: `${E2E}/main-job.e2e.test.ts`, tests: ['share no answer between customers or services unless asked to'] },
      {
        file: 'packages/engine/test/cache-key.test.ts',
        tests: ['never mistakes a service for a customer of the same name', 'has a decision about every field of a request'],
      },
    ],
  },
  {
    id: '38',
    fault: 'canary keys, looked for in logs, answers, jobs, rows, board and metrics',
    pass: 'found nowhere',
    heldBy: [{ file: `${E2E}/secrets.e2e.test.ts`, tests: ['is found nowhere: in no log, answer, job, row, board or metric'] }],
  },
  {
    id: '39',
    fault: 'base URLs that lead inside: literal, decimal, IPv6-mapped, names that resolve to private addresses, redirects',
    pass: 'all are refused when they are saved or when they connect',
    heldBy: [
      {
        file: 'packages/providers/test/egress.test.ts',
        tests: [
          'to a literal private address is never made',
          'to a name that resolves to a private address is refused when it connects',
        ],
      },
      { file: 'packages/providers/test/golden-errors.test.ts', tests: ['follows no redirect'] },
    ],
  },
  {
    id: '40',
    fault: 'the board and the admin API without a key, with the wrong scope, with a key that has expired or was rotated away',
    pass: '401 and 403, and changes are on record',
    heldBy: [
      {
        file: 'apps/api/test/access.it.test.ts',
        tests: ['needs a key on every other route: none and unknown ones are 401', 'needs the scope of the route'],
      },
      {
        file: 'apps/api/test/keys.it.test.ts',
        tests: [
          'ends when it expires, on use',
          'is rotated without a refused request: old and new are good for the grace, then only the new',
        ],
      },
      {
        file: 'apps/api/test/admin-login.it.test.ts',
        tests: ['a browser is sent to the login, and a program told so', 'opens nothing', 'may be tried ten times a minute'],
      },
      {
        file: 'apps/api/test/admin-pages.it.test.ts',
        tests: ['changes nothing: without the token of this browser', 'are on record by who, from where and how often'],
      },
      {
        file: 'packages/db/test/audit.it.test.ts',
        tests: ['has every change with who, what, before and after, from where and in which request'],
      },
    ],
  },
  {
    id: '41',
    fault: 'bodies of 50 MB, JSON 10,000 levels deep, __proto__, huge headers, senders without end',
    pass: '4xx, and the process is unharmed',
    heldBy: [
      {
        file: 'apps/api/test/http/read-json.test.ts',
        tests: [
          'answers a large upload that it refuses before all of it has come',
          'cuts the line on a caller who goes on sending without end',
          'parses deep nesting',
        ],
      },
      { file: 'apps/api/test/bad-input.it.test.ts', tests: ['leaves the process unharmed'] },
    ],
  },
];
