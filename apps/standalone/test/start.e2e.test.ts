import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

jest.setTimeout(90_000);
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const setup = fileURLToPath(new URL('../setup.mjs', import.meta.url));

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'llm-gateway-start-'))));
afterAll(() => rm(directory, { recursive: true, force: true }));

const running = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of running) {
    child.kill('SIGTERM');
    await once(child, 'close');
  }
});

/** `npm start`, with what it prints. */
class Start {
  readonly lines: string[] = [];
  readonly closed: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(env: Record<string, string>, command: string[] = [main]) {
    const { PATH = '' } = process.env;
    this.child = spawn(process.execPath, command, {
      env: { PATH, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.child);
    this.closed = once(this.child, 'close').then(([code]) => {
      running.delete(this.child);
      return code as number | null;
    });
    for (const input of [this.child.stdout, this.child.stderr]) {
      if (input) createInterface({ input }).on('line', (line) => this.lines.push(line));
    }
  }

  get output(): string {
    return this.lines.join('\n');
  }

  /** The address and the line to try, once they are printed. */
  async ready(): Promise<{ address: string; curl: string; seconds: number }> {
    const ended = this.closed.then(() => true);
    while (!this.output.includes('Ctrl-C stops')) {
      if (await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))]))
        throw new Error(`it ended:\n${this.output}`);
    }
    const [, address = '', seconds] = /ready at (\S+) after ([\d.]+) s/.exec(this.output) ?? [];
    return { address, seconds: Number(seconds), curl: this.lines.find((line) => line.trim().startsWith('curl ')) ?? '' };
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    return this.closed;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }
}

/** As pasted into a shell. */
async function paste(line: string): Promise<Record<string, unknown>> {
  const { stdout } = await promisify(execFile)('/bin/bash', ['-c', line]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** `npm run <command>` beside a start. */
async function operate(args: string[], env: Record<string, string>): Promise<{ out: string; err: string }> {
  const { PATH = '' } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, [setup, ...args], { env: { PATH, ...env } }, (_error, out, err) => resolve({ out, err }));
  });
}

async function processesIn(dataDir: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('/bin/bash', [
    '-c',
    'for p in /proc/[0-9]*; do tr "\\0" "\\n" 2>/dev/null < $p/environ | grep -q "^HEALTH_FILE=$0/" && echo $p; grep -qa -- "$0/" $p/cmdline 2>/dev/null && echo $p; done; true',
    dataDir,
  ]);
  return stdout.split('\n').filter((path) => path !== '' && !path.includes(String(process.pid)));
}

describe('npm start', () => {
  it('prints a line that works as pasted, ends by Ctrl-C with nothing left running, and goes on with its data at the next start', async () => {
    const DATA_DIR = join(directory, 'day-by-day');
    const first = new Start({ DATA_DIR });
    const { curl } = await first.ready();
    const fresh = await paste(curl);
    expect(fresh).toMatchObject({ cached: false, provider: 'claude-main', cost_usd: expect.any(Number) });
    expect(fresh.usage).toMatchObject({ total_tokens: expect.any(Number) });
    expect(await first.end('SIGINT')).toBe(0);
    expect(first.lines.at(-1)).toBe('stopping');
    expect(await processesIn(DATA_DIR)).toEqual([]);

    const second = new Start({ DATA_DIR });
    const again = await second.ready();
    // The promise is 5 s on a machine that does nothing else; tests run beside this one.
    expect(again.seconds).toBeLessThan(10);
    expect(await paste(again.curl)).toMatchObject({ cached: true, cost_usd: 0, content: fresh.content });
    expect(second.lines.filter((line) => line.includes('key  '))).toEqual(first.lines.filter((line) => line.includes('key  ')));
    expect(await second.end('SIGTERM')).toBe(0);
  });

  it("lets the operator's commands find what it runs, as long as it runs, and tells nobody else", async () => {
    const DATA_DIR = join(directory, 'operated');
    const start = new Start({ DATA_DIR });
    const { address } = await start.ready();
    const note = join(DATA_DIR, 'running.json');
    expect((await stat(note)).mode & 0o777).toBe(0o600);
    const keys = await operate(['keys:reencrypt', '--json'], { DATA_DIR });
    expect(JSON.parse(keys.out)).toMatchObject({
      current: 'k1',
      to_rewrite: 0,
      secrets: [{ encryption_key: 'k1', configured: true }],
    });
    expect(JSON.parse((await operate(['jobs', 'list', '--json'], { DATA_DIR })).out)).toEqual({ jobs: [], more: false });
    // Its keys go nowhere but to itself, and open nothing but its own database.
    expect(await operate(['jobs', 'list'], { DATA_DIR, LGW_URL: address })).toMatchObject({
      out: '',
      err: expect.stringContaining('LGW_ADMIN_KEY: is required'),
    });
    const other = { DATA_DIR, DATABASE_URL: 'postgresql://nobody@127.0.0.1:9/other' };
    expect((await operate(['keys:reencrypt'], other)).err).toContain('ENCRYPTION_KEYS: is required');
    expect(await start.end('SIGTERM')).toBe(0);
    await expect(stat(note)).rejects.toThrow(/ENOENT/);

    const killed = new Start({ DATA_DIR });
    await killed.ready();
    await killed.end('SIGKILL');
    expect((await stat(note)).size).toBeGreaterThan(0);
    expect((await operate(['usage:rebuild-rollups', '--from', '2026-11-01', '--to', '2026-11-02'], { DATA_DIR })).err).toContain(
      'DATABASE_URL: is required',
    );
  });

  it('is not held up by what a kill -9 left behind', async () => {
    const DATA_DIR = join(directory, 'killed');
    const killed = new Start({ DATA_DIR });
    await killed.ready();
    await killed.end('SIGKILL');
    const next = new Start({ DATA_DIR });
    expect(await paste((await next.ready()).curl)).toMatchObject({ provider: 'claude-main' });
  });

  it('says so and stops everything when one of its processes dies', async () => {
    const DATA_DIR = join(directory, 'dying');
    const start = new Start({ DATA_DIR });
    await start.ready();
    const { stdout } = await promisify(execFile)('/bin/bash', [
      '-c',
      `grep -lz "apps/worker/dist/main.js" $(grep -l "PPid:\\s${start.pid}$" /proc/[0-9]*/status | sed s/status/cmdline/)`,
    ]);
    process.kill(Number(/\d+/.exec(stdout)?.[0]), 'SIGKILL');
    expect(await start.closed).toBe(1);
    expect(start.output).toContain('worker (SIGKILL) has ended unexpectedly; stopping everything');
    expect(await processesIn(DATA_DIR)).toEqual([]);
  });

  it('makes real providers of the vendor keys there are, and lets no stand-in answer beside them', async () => {
    const DATA_DIR = join(directory, 'vendors');
    const standIns = new Start({ DATA_DIR });
    await standIns.ready();
    await standIns.end('SIGTERM');
    const start = new Start({ DATA_DIR, OPENAI_API_KEY: 'sk-not-real-1234' });
    await start.ready();
    expect(start.output).toContain('Providers: openai-main\n');
    expect(await readFile(join(DATA_DIR, 'logs/api.log'), 'utf8')).not.toContain('sk-not-real');
  });
});

describe('npm start says in one line', () => {
  const DATA_DIR = () => join(directory, 'never');

  it('that its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const start = new Start({ DATA_DIR: DATA_DIR(), PORT: String(port) });
    expect(await start.closed).toBe(1);
    expect(start.output).toBe(`port ${port} is taken: stop what listens there, or choose another: PORT=${port + 1} npm start`);
    other.close();
  });

  it.each([
    [{ PORT: 'http' }, 'PORT: must be a whole number from 0 to 65535'],
    [{ DATABASE_URL: 'mysql://x' }, 'DATABASE_URL: must be a postgresql:// URL'],
  ])('what is wrong with %j', async (env, line) => {
    const start = new Start({ DATA_DIR: DATA_DIR(), ...env });
    expect([await start.closed, start.output]).toEqual([1, line]);
  });

  it('what it would do, without doing it, for --dry-run', async () => {
    const start = new Start({ DATA_DIR: DATA_DIR(), MISTRAL_API_KEY: 'k' }, [setup, 'start', '--dry-run']);
    expect(await start.closed).toBe(0);
    expect(start.output).toMatch(/embedded PostgreSQL[^]*where there are no providers yet: mistral-main/);
    await expect(readFile(join(DATA_DIR(), 'keys.json'))).rejects.toThrow(/ENOENT/);
  });
});
