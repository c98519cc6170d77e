/**
 * One name for a model, however it is written: invoices show `Claude Haiku 4.5` or `claude-haiku-4-5-20251001` for one model, and
 * answers name the dated version of an alias. Versions that differ in their date alone are one model here, and so are an alias of the newest
 * (`-latest`, Anthropic's `-4-0`) and the model that it stands for.
 */
export function modelKey(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/^models\//, '')
    .replace(/[\s.]+/g, '-')
    .replace(/-(\d{4}-\d\d-\d\d|20\d{6}|latest)$/, '')
    .replace(/(-\d)-0$/, '$1');
}
