import type { Prisma } from '../generated/client.js';

/** Fields that never go on record, however they got into an entry. Hints, such as the last four characters of a key, may. */
const SECRET = /(ciphertext|secret|password|fingerprint|token|api_?key|private_?key|authorization)$/i;
/** A path or a query of an URL may be what it is protected by: of webhooks only the host is shown. */
const SECRET_URL = /webhook_?url$/i;

/** @returns a plain copy for the log, in the form that JSON gives it, without what nobody may read there. */
export function withoutSecrets(value: object): Prisma.InputJsonObject {
  const json = JSON.stringify(value, (name, field: unknown) => {
    if (SECRET.test(name)) return undefined;
    if (SECRET_URL.test(name) && typeof field === 'string') return URL.parse(field)?.origin ?? null;
    return field;
  });
  return JSON.parse(json) as Prisma.InputJsonObject;
}
