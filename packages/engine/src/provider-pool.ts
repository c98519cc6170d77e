/** Provider clients, ready to call, each made when it is first needed and again when its configuration has changed. Keys are decrypted here, and stay here. */
import { decryptSecret, type EncryptionKeys } from '@llm-gateway/db';
import { createProvider, type EgressRules, type Provider } from '@llm-gateway/providers';
import type { ConfigSnapshot, ProviderConfig } from '@llm-gateway/shared';

export interface ReadyProvider {
  config: ProviderConfig;
  client: Provider;
}

export class ProviderPool {
  readonly #clients = new Map<string, { version: number; client: Provider }>();
  readonly #current: () => ConfigSnapshot;
  readonly #encryptionKeys: EncryptionKeys;
  readonly #egressAllow: EgressRules;

  constructor(options: { current: () => ConfigSnapshot; encryptionKeys: EncryptionKeys; egressAllow: EgressRules }) {
    this.#current = options.current;
    this.#encryptionKeys = options.encryptionKeys;
    this.#egressAllow = options.egressAllow;
  }

  /** @returns the provider as it is configured now; null when there is none of that name, or it is disabled. */
  get(name: string): ReadyProvider | null {
    const config = this.#current().providers.find((provider) => provider.name === name);
    return config?.enabled ? { config, client: this.#client(config) } : null;
  }

  #client(config: ProviderConfig): Provider {
    const known = this.#clients.get(config.id);
    if (known?.version === config.version) return known.client;
    const apiKey =
      config.apiKeyCiphertext === null ? null : decryptSecret(this.#encryptionKeys, config.apiKeyCiphertext, config.id);
    const client = createProvider({ type: config.type, apiKey, baseUrl: config.baseUrl, egressAllow: this.#egressAllow });
    this.#clients.set(config.id, { version: config.version, client });
    return client;
  }
}
