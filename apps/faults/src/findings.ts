/** The figures of one test, each with what it should be. */
export interface Figure {
  name: string;
  value: number | string;
  /** Such as `= 0` or `<= 20`; undefined: just told. */
  wanted?: string;
  ok: boolean;
}

export class Findings {
  readonly figures: Figure[] = [];

  tell(name: string, value: number | string): void {
    this.figures.push({ name, value: rounded(value), ok: true });
  }

  exactly(name: string, value: number, wanted: number): void {
    this.#add({ name, value, wanted: `= ${wanted}`, ok: value === wanted });
  }

  zero(name: string, value: number): void {
    this.exactly(name, value, 0);
  }

  atMost(name: string, value: number, most: number): void {
    this.#add({ name, value, wanted: `<= ${rounded(most)}`, ok: value <= most });
  }

  atLeast(name: string, value: number, least: number): void {
    this.#add({ name, value, wanted: `>= ${rounded(least)}`, ok: value >= least });
  }

  /** A sentence that must be true; `value` is what was seen instead. */
  holds(name: string, ok: boolean, value: number | string = ok ? 'yes' : 'no'): void {
    this.#add({ name, value, wanted: 'yes', ok });
  }

  get failed(): Figure[] {
    return this.figures.filter((figure) => !figure.ok);
  }

  #add(figure: Figure): void {
    this.figures.push({ ...figure, value: rounded(figure.value) });
  }
}

const rounded = (value: number | string): number | string =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(2)) : value;
