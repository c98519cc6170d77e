import { generateKeyPairSync, sign } from 'node:crypto';

const ISSUER = 'https://login.example.com/';

/** An identity provider with one key. */
export class TokenMaker {
  readonly #pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #audience: string;

  constructor(audience: string) {
    this.#audience = audience;
  }

  /** What the gateway is told of it. */
  get env(): Record<string, string> {
    const pem = this.#pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    return { JWT_PUBLIC_KEY: pem.replaceAll('\n', '\\n'), JWT_ISSUER: ISSUER, JWT_AUDIENCE: this.#audience };
  }

  /** A token that is good for ten minutes, unless its claims say otherwise. */
  make(claims: object): { token: string; signature: string } {
    const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
    const sound = { iss: ISSUER, aud: this.#audience, sub: 'somebody', exp: Math.floor(Date.now() / 1_000) + 600 };
    const input = `${encoded({ alg: 'ES256' })}.${encoded({ ...sound, ...claims })}`;
    const key = { key: this.#pair.privateKey, dsaEncoding: 'ieee-p1363' as const };
    const signature = sign('sha256', Buffer.from(input), key).toString('base64url');
    return { token: `${input}.${signature}`, signature };
  }
}
