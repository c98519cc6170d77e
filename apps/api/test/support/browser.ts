import type { Called } from './test-api.js';

/** What a browser does with pages: keeps cookies, follows no redirect by itself, and sends forms with what they hold. */
export class Browser {
  readonly cookies = new Map<string, string>();
  /** As they were set, attributes and all. */
  readonly setCookies: string[] = [];
  readonly #url: string;

  /** @param url of the replica that it talks to. */
  constructor(url: string) {
    this.#url = url;
  }

  /** The same browser, sent to another replica by its load balancer. */
  at(url: string): Browser {
    const other = new Browser(url);
    for (const [name, value] of this.cookies) other.cookies.set(name, value);
    return other;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Called> {
    return this.#send(path, { headers });
  }

  /** Opens a page and sends its form to `action`. @param changes fields as the user fills them in; null: without that field. */
  async submit(page: string, action: string, changes: Record<string, string | null> = {}): Promise<Called> {
    const { text } = await this.get(page);
    const form = text.split('<form').find((part) => part.includes(`action="${action}"`)) ?? '';
    const hidden = form.matchAll(/<input\s+type="hidden"\s+name="(\w+)"\s+value="([^"]*)"/g);
    const fields = new Map<string, string | null>([...hidden].map(([, name = '', value = '']) => [name, value]));
    for (const [name, value] of Object.entries(changes)) fields.set(name, value);
    const filled = [...fields].flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
    return this.post(action, Object.fromEntries(filled));
  }

  post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Called> {
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.#send(path, { method: 'POST', body: new URLSearchParams(fields).toString(), headers: { ...type, ...headers } });
  }

  signIn(key: string): Promise<Called> {
    return this.submit('/admin/login', '/admin/login', { key });
  }

  async #send(path: string, init: { method?: string; body?: string; headers: Record<string, string> }): Promise<Called> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { accept: 'text/html', ...(cookie !== '' && { cookie }), ...init.headers };
    const response = await fetch(`${this.#url}${path}`, { ...init, headers, redirect: 'manual' });
    for (const set of response.headers.getSetCookie()) this.#keep(set);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
  }

  #keep(set: string): void {
    this.setCookies.push(set);
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
    if (value === '' || /expires=Thu, 01 Jan 1970/i.test(set)) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}
