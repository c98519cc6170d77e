import type { HeldElsewhere } from '../fault-test.js';
import type { Figure } from '../findings.js';

export interface Result {
  id: string;
  fault: string;
  pass: string;
  ok: boolean;
  seconds: number;
  /** Why it could not be carried through. */
  problem: string | null;
  figures: Figure[];
  heldBy?: HeldElsewhere['heldBy'];
}

export interface Run {
  /** ISO 8601. */
  at: string;
  node: string;
  cores: number;
  version: 'short' | 'full';
  load: number;
  seed: number;
  results: Result[];
}

/** `name 0 (= 0)`, with a mark where it is not as wanted. */
export const figureText = ({ name, value, wanted, ok }: Figure): string =>
  `${name} ${value}${wanted === undefined || wanted === 'yes' ? '' : ` (${wanted})`}${ok ? '' : ' !!'}`;

export function figuresText({ figures, heldBy, problem }: Result): string {
  const told = figures.map(figureText);
  if (problem !== null) told.push(problem);
  if (heldBy)
    told.push(`held by ${heldBy.map(({ file, tests }) => tests.map((test) => `${file} "${test}"`).join(', ')).join(', ')}`);
  return told.join(', ');
}
