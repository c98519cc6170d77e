/** The figures of a run in docs/reliability.md, between two marks, so that the page cannot drift from the suite. */
import { readFile, writeFile } from 'node:fs/promises';
import { figureText, type Result, type Run } from './result.js';

const BEGIN = '<!-- figures: written by npm run test:faults -- --report -->';
const END = '<!-- end of figures -->';
const HEADING = /^(?=### \S+\. )/m;

export interface Described {
  id: string;
  remark?: string;
}

/** Replaces the sections of the tests that were run, and keeps those of the others. @throws Error where the page has no place for them. */
export async function writeFigures(page: string, run: Run, catalogue: readonly Described[]): Promise<void> {
  const text = await readFile(page, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const [old, after] = rest?.split(END) ?? [];
  if (before === undefined || old === undefined || after === undefined)
    throw new Error(`${page} has no place for the figures: ${BEGIN} … ${END}`);
  const sections = new Map(old.split(HEADING).map((section) => [/^### (\S+)\. /.exec(section)?.[1], section.trim()]));
  for (const result of run.results) {
    const remark = catalogue.find(({ id }) => id === result.id)?.remark;
    sections.set(result.id, section(result, run, remark).join('\n').trim());
  }
  const all = catalogue.flatMap(({ id }) => sections.get(id) ?? []);
  await writeFile(page, `${before}${[BEGIN, ...all, END].join('\n\n')}${after}`);
}

function section(result: Result, run: Run, remark: string | undefined): string[] {
  const { id, fault, pass, ok, seconds, problem, figures, heldBy } = result;
  const lines = [`### ${id}. ${fault}`, '', `Must hold: ${pass}.`, ''];
  const end = remark === undefined ? [] : ['', remark];
  if (heldBy) {
    const tests = heldBy.flatMap(({ file, tests: names }) => names.map((name) => `- \`${file}\`: ${name}`));
    if (problem !== null) return [...lines, `**Does not hold**: ${problem}`, ...end];
    return [...lines, 'Held by the jest suites (`npm test`):', '', ...tests, ...end];
  }
  const told = [...figures.map(figureText), ...(problem === null ? [] : [problem])].map((figure) => `- ${figure}`);
  return [
    ...lines,
    `${ok ? 'Holds' : '**Does not hold**'}: ${circumstances(run)}, ${seconds.toFixed(0)} s.`,
    '',
    ...told,
    ...end,
  ];
}

const circumstances = ({ at, node, cores, version, load, seed }: Run): string =>
  `${at.slice(0, 16).replace('T', ' ')} UTC, ${version} version, load ${load}, seed ${seed}, Node ${node}, ${cores} cores`;
