import type { ProviderFault } from '@llm-gateway/shared';

// 402 is an account that cannot pay: like a bad key it is the operator's to mend, and another provider may be asked.
const BY_STATUS: Readonly<Record<number, ProviderFault>> = {
  401: 'auth',
  402: 'auth',
  403: 'auth',
  404: 'not_found',
  408: 'timeout',
  409: 'conflict',
  429: 'rate_limited',
  503: 'overloaded',
  504: 'timeout',
  529: 'overloaded',
};

/** The one table from HTTP status to fault, for every vendor. */
function faultOfStatus(status: number): ProviderFault {
  const known = BY_STATUS[status];
  if (known) return known;
  if (status >= 500) return 'server_error';
  return status >= 400 ? 'invalid_request' : 'bad_response';
}

/** Words in a vendor's error that say more than its status. `on` keeps a word from overruling a status that is right. */
const BY_WORD: readonly { word: RegExp; on: (status: number) => boolean; fault: ProviderFault }[] = [
  {
    word: /^(content_filter|content_policy_violation|ResponsibleAIPolicyViolation)$/,
    on: (status) => status === 400,
    fault: 'content_filter',
  },
  // Google answers 400 to a wrong key: https://ai.google.dev/gemini-api/docs/troubleshooting
  { word: /^API_KEY_(INVALID|SERVICE_BLOCKED)$/, on: (status) => status === 400, fault: 'auth' },
  { word: /^billing_error$|^Your credit balance is too low/, on: (status) => status === 400, fault: 'auth' },
  { word: /^overloaded_error$/, on: (status) => status < 400 || status >= 500, fault: 'overloaded' },
];

/** @param words the error's machine-readable codes and its message. */
export function faultOf(status: number, words: readonly string[]): ProviderFault {
  const special = BY_WORD.find(({ word, on }) => on(status) && words.some((each) => word.test(each)));
  return special?.fault ?? faultOfStatus(status);
}
