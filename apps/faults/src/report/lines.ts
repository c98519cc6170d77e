import { figuresText, type Result } from './result.js';

export const verdict = ({ ok, heldBy }: Result): string => (ok ? (heldBy ? 'jest' : 'pass') : 'FAIL');

export const resultLine = (result: Result): string =>
  `${verdict(result)}  ${result.id.padStart(4)}  ${result.seconds.toFixed(1).padStart(6)} s  ${result.fault}: ${figuresText(result)}`;

/** Some tests take minutes, and a screen that stands still for that long looks hung. */
export const startLine = ({ id, fault }: Pick<Result, 'id' | 'fault'>): string => `runs  ${id.padStart(4)}            ${fault}`;

/** One line a test, in columns, and how many of them passed. */
export function summary(results: readonly Result[]): string {
  const failed = results.filter((result) => !result.ok).length;
  const elsewhere = results.filter((result) => result.ok && result.heldBy).length;
  const lines = results.map((result) => {
    const wrong = result.figures.filter((figure) => !figure.ok).map((figure) => figure.name);
    const why = [...wrong, ...(result.problem === null ? [] : [result.problem])].join('; ');
    return `${result.id.padStart(4)}  ${verdict(result)}  ${result.seconds.toFixed(1).padStart(6)} s  ${result.fault}${why && `  (${why})`}`;
  });
  return [
    '',
    ...lines,
    '',
    `${results.length - failed - elsewhere} passed, ${elsewhere} left to npm test, ${failed} failed`,
  ].join('\n');
}
