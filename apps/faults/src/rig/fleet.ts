/** The gateway's processes: how many there are, how they end, who takes their place. */
import { startApiProcess, startWorkerProcess, type ChildHandle, type GatewayEnv } from '@llm-gateway/local-services';

export class Fleet {
  readonly apis: ChildHandle[] = [];
  readonly workers: ChildHandle[] = [];
  /** Started with settings of their own: of no use to another test. */
  readonly #special = new Set<ChildHandle>();
  readonly #env: GatewayEnv;
  readonly #scratchDir: string;

  constructor(env: GatewayEnv, scratchDir: string) {
    this.#env = env;
    this.#scratchDir = scratchDir;
  }

  get all(): ChildHandle[] {
    return [...this.apis, ...this.workers];
  }

  async addApi(env: GatewayEnv = {}): Promise<ChildHandle> {
    const api = await startApiProcess({ ...this.#env, ...env });
    return this.#enlist(this.apis, api, env);
  }

  async addWorker(env: GatewayEnv = {}): Promise<ChildHandle> {
    const worker = await startWorkerProcess({ ...this.#env, ...env }, this.#scratchDir);
    return this.#enlist(this.workers, worker, env);
  }

  /** So many of each, whatever was done to them. */
  async fill({ apis, workers }: { apis: number; workers: number }): Promise<void> {
    const surplus = [...this.apis.slice(apis), ...this.workers.slice(workers)];
    await Promise.all([
      ...surplus.map((child) => child.stop()),
      ...Array.from({ length: apis - this.apis.length }, () => this.addApi()),
      ...Array.from({ length: workers - this.workers.length }, () => this.addWorker()),
    ]);
  }

  /** Ends those that were started with settings of their own. */
  async dismissSpecial(): Promise<void> {
    await Promise.all([...this.#special].map((child) => child.stop()));
    this.#special.clear();
  }

  async stop(): Promise<void> {
    const all = this.all;
    for (const child of all) child.kill('SIGCONT');
    await Promise.allSettled(all.map((child) => child.stop()));
  }

  /** One that has ended leaves the list by itself. */
  #enlist(list: ChildHandle[], child: ChildHandle, env: GatewayEnv): ChildHandle {
    list.push(child);
    if (Object.keys(env).length > 0) this.#special.add(child);
    void child.exited.then(() => list.splice(list.indexOf(child), 1));
    return child;
  }
}
