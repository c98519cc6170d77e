/** Provider clients, ready to call, each made when it is first needed and again when its configuration has changed. Keys are decrypted here, and stay here. */
import { decryptSecret, type EncryptionKeys } from '@llm-gateway/db';
import { createProvider, loadVendor, type EgressRules, type Provider } from '@llm-gateway/providers';
import { ProviderError, type ConfigSnapshot, type ProviderConfig } from '@llm-gateway/shared';

export interface ReadyProvider {
  config: ProviderConfig;
  client: Provider;
  /** With the provider's other key, for as long as the grace after a rotation lasts: asked where the vendor refuses the first. */
  spare: Provider | null;
}

interface Clients {
  version: number;
  current: Provider;
  previous: Provider | null;
  /** Epoch ms until which the previous key goes first, because the vendor has just refused the current one. */
  previousFirstUntil: number;
}

/** A vendor takes a moment to know a new key everywhere; asking it with each request would double all calls meanwhile. */
const REFUSED_MEMORY_MS = 10_000;

export interface ClientSettings {
  encryptionKeys: EncryptionKeys;
  egressAllow: EgressRules;
}

/**
 * A client for this configuration, not kept: {@link ProviderPool} keeps them.
 * @throws Error when the stored key cannot be decrypted; ProviderError invalid_request for a custom provider without a base URL.
 */
export function providerClient(
  { id, type, apiKeyCiphertext, baseUrl }: Pick<ProviderConfig, 'id' | 'type' | 'apiKeyCiphertext' | 'baseUrl'>,
  { encryptionKeys, egressAllow }: ClientSettings,
): Provider {
  const apiKey = apiKeyCiphertext === null ? null : decryptSecret(encryptionKeys, apiKeyCiphertext, id);
  return createProvider({ type, apiKey, baseUrl, egressAllow });
}

export class ProviderPool {
  readonly #clients = new Map<string, Clients>();
  readonly #current: () => ConfigSnapshot;
  readonly #settings: ClientSettings;

  constructor({ current, ...settings }: ClientSettings & { current: () => ConfigSnapshot }) {
    this.#current = current;
    this.#settings = settings;
  }

  /** @returns the provider as it is configured now; null when there is none of that name, or it is disabled. */
  get(name: string): ReadyProvider | null {
    const config = this.#current().providers.find((provider) => provider.name === name);
    if (!config?.enabled) return null;
    const { current, previous, previousFirstUntil } = this.#clientsOf(config);
    if (!previous || Date.parse(config.previousKeyUntil ?? '') <= Date.now()) return { config, client: current, spare: null };
    const previousFirst = previousFirstUntil > Date.now();
    return previousFirst ? { config, client: previous, spare: current } : { config, client: current, spare: previous };
  }

  /** Loads what calls of these providers need, so that the first of them does not pay for it with its deadline. */
  async warmUp(names: readonly string[]): Promise<void> {
    const called = this.#current().providers.filter(({ name, enabled }) => enabled && names.includes(name));
    await Promise.all([...new Set(called.map(({ type }) => type))].map(loadVendor));
  }

  /** The vendor refused the key of `client`: for a while the other one goes first. */
  keyRefused({ config, client }: ReadyProvider): void {
    const clients = this.#clientsOf(config);
    clients.previousFirstUntil = client === clients.current ? Date.now() + REFUSED_MEMORY_MS : 0;
  }

  #clientsOf(config: ProviderConfig): Clients {
    const known = this.#clients.get(config.id);
    if (known?.version === config.version) return known;
    const { previousKeyCiphertext } = config;
    const current = this.#make(config);
    const previous = previousKeyCiphertext === null ? null : this.#make({ ...config, apiKeyCiphertext: previousKeyCiphertext });
    const clients = { version: config.version, current, previous, previousFirstUntil: 0 };
    this.#clients.set(config.id, clients);
    return clients;
  }

  /** One provider whose stored key cannot be read must not take the others along: its calls fail, and the next candidate is asked. */
  #make(config: ProviderConfig): Provider {
    try {
      return providerClient(config, this.#settings);
    } catch {
      const message = `the stored key of ${config.name} cannot be read with the configured ENCRYPTION_KEYS: enter it again`;
      return { generate: () => Promise.reject(new ProviderError('auth', message)) };
    }
  }
}
