/** An administrator in a browser: signs in, looks at every kind of page, and makes the mistakes that people make. */
interface Tour {
  url: (path: string) => string;
  /** What signs in: a key or a token. */
  credential: string;
  /** Where to go on after signing in. */
  next: string;
  jobId: string;
  /** Told of all that was shown, but for the cookies. */
  seen: (page: string, text: string) => void;
  /** Told of each cookie. */
  keeps: (name: string, value: string) => void;
}

/** @returns the statuses of what was sent. The session stays open, unless it is told to end. */
export async function tour(options: Tour, { signOut = false } = {}): Promise<Record<string, number>> {
  const browser = new TourBrowser(options);
  const { credential, next, jobId } = options;
  const sent: Record<string, number> = {
    'a wrong key': await browser.send('/admin/login', '/admin/login', { key: `x${credential}` }),
    'the key': await browser.send('/admin/login', '/admin/login', { key: credential, next }),
    prompts: await browser.send('/admin', '/admin/prompts', { prompts: 'show' }),
  };
  for (const path of ['/admin', '/admin/queues', '/admin/queues/api/queues', `/admin/jobs/${jobId}`, '/admin/nowhere'])
    await browser.visit(path);
  sent['a job that is none'] = await browser.send('/admin', '/admin/jobs/req_none/replay');
  sent['a wrong form'] = await browser.send('/admin', '/admin/prompts', { prompts: 'perhaps' });
  if (signOut) sent['goodbye'] = await browser.send('/admin', '/admin/logout');
  return sent;
}

class TourBrowser {
  readonly #jar = new Map<string, string>();
  readonly #options: Tour;

  constructor(options: Tour) {
    this.#options = options;
  }

  async visit(path: string, form?: Record<string, string>): Promise<{ status: number; text: string }> {
    const response = await fetch(this.#options.url(path), {
      redirect: 'manual',
      headers: { accept: 'text/html', cookie: [...this.#jar].map((each) => each.join('=')).join('; ') },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const set of response.headers.getSetCookie()) this.#keep(set);
    const text = await response.text();
    const headers = [...response.headers].filter(([name]) => name !== 'set-cookie');
    this.#options.seen(path.replace(/req_\w+/, ''), `${JSON.stringify(headers)}\n${text}`);
    return { status: response.status, text };
  }

  /** Opens a page, and sends one of its forms. */
  async send(page: string, action: string, fields: Record<string, string> = {}): Promise<number> {
    const csrf = /name="csrf" value="([^"]+)"/.exec((await this.visit(page)).text)?.[1] ?? '';
    return (await this.visit(action, { csrf, ...fields })).status;
  }

  #keep(set: string): void {
    const [name = '', value = ''] = (set.split(';')[0] ?? '').split('=');
    this.#jar.set(name, value);
    if (value !== '') this.#options.keeps(name, value);
  }
}
