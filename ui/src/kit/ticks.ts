// Where the lines of a chart are: at round values, whatever the numbers are.

/** One, two and five of each power of ten: what people count in. */
const COUNTED = Array.from({ length: 22 }, (_, power) => [1, 2, 5].map((step) => Number(`${step}e${power - 6}`))).flat();
/** Powers of two: what memory is counted in. */
const BYTES = Array.from({ length: 50 }, (_, power) => 2 ** power);
/** Seconds of steps in time: whole minutes, then whole hours. */
export const TIME_STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

export type Unit = "count" | "whole" | "bytes";

export function valueSteps(unit: Unit): number[] {
  if (unit === "bytes") return BYTES;
  return unit === "whole" ? COUNTED.filter((step) => step >= 1) : COUNTED;
}

/** The end of the axis: the first round value that leaves everything below it, with about four lines on the way. */
export function roundTop(most: number, unit: Unit): number {
  if (!(most > 0)) return 1;
  const step = valueSteps(unit).find((each) => each * 4 >= most) ?? most;
  return Math.ceil(most / step) * step;
}
