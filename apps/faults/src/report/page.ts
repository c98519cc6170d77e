/** The figures of a run in docs/reliability.md, between two marks, so that the page cannot drift from the suite. */
import { readFile, writeFile } from 'node:fs/promises';
import { figureText, type Result, type Run } from './result.js';

const BEGIN = '<!-- figures: written by npm run test:faults -- --report -->';
const END = '<!-- end of figures -->';

/** @throws Error where the page has no place for them. */
export async function writeFigures(page: string, run: Run, remarks: ReadonlyMap<string, string>): Promise<void> {
  const text = await readFile(page, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`${page} has no place for the figures: ${BEGIN} … ${END}`);
  await writeFile(page, `${before}${BEGIN}\n${figures(run, remarks)}\n${END}${after}`);
}

function figures({ at, node, cores, version, load, seed, results }: Run, remarks: ReadonlyMap<string, string>): string {
  const passed = results.filter((result) => result.ok).length;
  return [
    `Last run: ${at.slice(0, 16).replace('T', ' ')} UTC, ${version} version, load ${load}, seed ${seed}, Node ${node}, ${cores} cores. ` +
      `${passed} of ${results.length} hold.`,
    '',
    ...results.flatMap((result) => section(result, remarks.get(result.id))),
  ].join('\n');
}

function section(result: Result, remark: string | undefined): string[] {
  const { id, fault, pass, ok, seconds, problem, figures: found, heldBy } = result;
  const lines = [`### ${id}. ${fault}`, '', `Must hold: ${pass}.`, ''];
  if (heldBy) {
    const tests = heldBy.flatMap(({ file, tests: names }) => names.map((name) => `- \`${file}\`: ${name}`));
    return [...lines, 'Held by the jest suites (`npm test`):', '', ...tests, '', ...(remark ? [remark, ''] : [])];
  }
  const told = found.map((figure) => `- ${figureText(figure)}`);
  const end = problem === null ? [] : [`- ${problem}`];
  return [
    ...lines,
    `${ok ? 'Holds' : '**Does not hold**'} (${seconds.toFixed(0)} s).`,
    '',
    ...told,
    ...end,
    '',
    ...(remark ? [remark, ''] : []),
  ];
}
