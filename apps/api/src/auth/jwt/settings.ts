/** How bearer tokens of an identity provider are checked, as the environment says it. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { parsedBy } from '@llm-gateway/shared';
import { z } from 'zod';

/** Signatures of a private key alone: with a shared secret, whoever can check tokens could make them. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

function parseAlgorithms(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => ALGORITHMS.includes(name))) return names;
  throw new Error(`must be some of ${ALGORITHMS.join(', ')}, separated by commas`);
}

/** @param pem as in a file, or with `\n` for its line ends, as environments often want it. */
function parsePublicKey(pem: string): KeyObject {
  try {
    const text = pem.replaceAll('\\n', '\n');
    if (!text.includes('PRIVATE')) return createPublicKey(text);
  } catch {
    // Said below, without what was given.
  }
  throw new Error('must be a public key in PEM');
}

const claimName = z.string().max(200);

export const jwtFields = {
  JWT_JWKS_URL: z.url({ protocol: /^https?$/, error: 'must be an https:// URL' }).optional(),
  JWT_PUBLIC_KEY: parsedBy<KeyObject>(parsePublicKey).optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  JWT_ALGORITHMS: parsedBy<string[]>(parseAlgorithms).prefault('RS256,PS256,ES256,EdDSA'),
  JWT_SERVICE_CLAIM: claimName.default('service'),
  JWT_CUSTOMER_CLAIM: claimName.default('customer_id'),
  JWT_SCOPES_CLAIM: claimName.default('scope'),
};
export type JwtEnv = z.output<z.ZodObject<typeof jwtFields>>;

/** Who asks for tokens must say whose: a token of the same issuer for somebody else is none for us. */
export function checkJwt(env: JwtEnv, context: z.RefinementCtx): void {
  const problem = (name: keyof JwtEnv, message: string) => context.addIssue({ code: 'custom', path: [name], message });
  const isOn = env.JWT_JWKS_URL !== undefined || env.JWT_PUBLIC_KEY !== undefined;
  if (env.JWT_JWKS_URL !== undefined && env.JWT_PUBLIC_KEY !== undefined)
    problem('JWT_PUBLIC_KEY', 'must not be set together with JWT_JWKS_URL');
  for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE'] as const) {
    if (isOn && env[name] === undefined) problem(name, 'is required with JWT_JWKS_URL or JWT_PUBLIC_KEY');
  }
}
