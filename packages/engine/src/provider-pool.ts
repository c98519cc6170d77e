/** Provider clients, ready to call, each made when it is first needed and again when its configuration has changed. Keys are decrypted here, and stay here. */
import { decryptSecret, type EncryptionKeys } from '@llm-gateway/db';
import { createProvider, type EgressRules, type Provider } from '@llm-gateway/providers';
import { ProviderError, type ConfigSnapshot, type ProviderConfig } from '@llm-gateway/shared';

export interface ReadyProvider {
  config: ProviderConfig;
  client: Provider;
}

export interface ClientSettings {
  encryptionKeys: EncryptionKeys;
  egressAllow: EgressRules;
}

/**
 * A client for this configuration, not kept: {@link ProviderPool} keeps them.
 * @throws Error when the stored key cannot be decrypted; ProviderError invalid_request for a custom provider without a base URL.
 */
export function providerClient(
  { id, type, apiKeyCiphertext, baseUrl }: ProviderConfig,
  { encryptionKeys, egressAllow }: ClientSettings,
): Provider {
  const apiKey = apiKeyCiphertext === null ? null : decryptSecret(encryptionKeys, apiKeyCiphertext, id);
  return createProvider({ type, apiKey, baseUrl, egressAllow });
}

export class ProviderPool {
  readonly #clients = new Map<string, { version: number; client: Provider }>();
  readonly #current: () => ConfigSnapshot;
  readonly #settings: ClientSettings;

  constructor({ current, ...settings }: ClientSettings & { current: () => ConfigSnapshot }) {
    this.#current = current;
    this.#settings = settings;
  }

  /** @returns the provider as it is configured now; null when there is none of that name, or it is disabled. */
  get(name: string): ReadyProvider | null {
    const config = this.#current().providers.find((provider) => provider.name === name);
    return config?.enabled ? { config, client: this.#client(config) } : null;
  }

  #client(config: ProviderConfig): Provider {
    const known = this.#clients.get(config.id);
    if (known?.version === config.version) return known.client;
    const client = this.#make(config);
    this.#clients.set(config.id, { version: config.version, client });
    return client;
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
