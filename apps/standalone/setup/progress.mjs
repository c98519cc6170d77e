const SHOW_AFTER_MS = 1_000;
const REPEAT_MS = 10_000;

/** Runs `work`; says what is going on, with the seconds so far, once it takes longer than a second. Plain lines where there is no terminal. */
export async function withProgress(label, work, out = process.stderr) {
  const startedAt = Date.now();
  const seconds = () => Math.round((Date.now() - startedAt) / 1_000);
  let shown = false;
  const show = () => {
    shown = true;
    out.write(out.isTTY ? `\r\u001b[K${label} … ${seconds()} s` : `${label} … ${seconds()} s\n`);
  };
  let every;
  const first = setTimeout(() => {
    show();
    every = setInterval(show, out.isTTY ? SHOW_AFTER_MS : REPEAT_MS);
  }, SHOW_AFTER_MS);
  try {
    const result = await work();
    if (shown) out.write(out.isTTY ? `\r\u001b[K${label}: done in ${seconds()} s\n` : `${label}: done in ${seconds()} s\n`);
    return result;
  } catch (error) {
    if (shown && out.isTTY) out.write('\n');
    throw error;
  } finally {
    clearTimeout(first);
    clearInterval(every);
  }
}
