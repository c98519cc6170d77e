/** HTML in which nothing that was told to us can be markup. */

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** A piece of markup of ours. */
export class Html {
  constructor(readonly markup: string) {}
}

type Part = string | number | null | Html | Html[];

/** Template tag: what is put in is text, unless it is markup made by this. */
export const html = (literals: TemplateStringsArray, ...parts: Part[]): Html =>
  new Html(literals.map((literal, index) => (index === 0 ? literal : `${show(parts[index - 1] ?? null)}${literal}`)).join(''));

function show(part: Part): string {
  if (part === null) return '';
  if (part instanceof Html) return part.markup;
  if (Array.isArray(part)) return part.map((each) => each.markup).join('');
  return String(part).replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}
