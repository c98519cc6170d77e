import { createWriteStream, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROTATE_AT_BYTES = 20_000_000;
const SHOWN = new Set(['warn', 'error', 'fatal']);

/**
 * Keeps a child's lines in `<logDir>/<name>.log`, and shows warnings and errors in the terminal, in words. What is no JSON line
 * (a crash in Node itself) is shown whole.
 * @returns where its lines go.
 */
export function childLog(logDir: string, name: string, show: (line: string) => void): (line: string) => void {
  mkdirSync(logDir, { recursive: true });
  const file = join(logDir, `${name}.log`);
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > ROTATE_AT_BYTES) renameSync(file, `${file}.1`);
  const out = createWriteStream(file, { flags: 'a', mode: 0o600 });
  out.on('error', (error) => show(`cannot write ${file}: ${error.message}`));
  return (line) => {
    out.write(`${line}\n`);
    const words = inWords(line);
    if (words !== null) show(`${name}: ${words}`);
  };
}

interface LogLine {
  level?: string;
  msg?: string;
  err?: { message?: string };
}

function inWords(line: string): string | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return line;
  }
  if (typeof parsed !== 'object' || parsed === null) return line;
  const { level = '', msg = '', err } = parsed as LogLine;
  if (!SHOWN.has(level)) return null;
  return `${level}: ${msg}${err?.message ? ` (${err.message})` : ''}`;
}
