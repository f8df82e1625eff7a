// A small line without axes, beside a number that says the same.
type Values = (number | null)[];
const FEWEST = 4;

export function Sparkline({ values: all, width = 120, height = 28, tone, label }: { values: Values; width?: number | string; height?: number; tone?: "bad"; label: string }) {
  // What is not known because nothing was counted yet takes no room: a gateway that has just begun shows its minutes.
  const first = all.findIndex((value) => value !== null);
  const values = first > 0 ? all.slice(first) : all;
  const known = values.filter((value): value is number => value !== null);
  const most = Math.max(...known, 0);
  // Two or three values are no course; a line through them would look like one.
  if (known.length < FEWEST) return <svg className="spark" width={width} height={height} role="img" aria-label={label} />;
  const box = { width: 100, height: 20 };
  const x = (index: number) => (values.length < 2 ? 0 : (index / (values.length - 1)) * box.width);
  const y = (value: number) => (most === 0 ? box.height - 1 : box.height - 1 - (value / most) * (box.height - 2));
  const runs: string[] = [];
  let run: string[] = [];
  values.forEach((value, index) => {
    if (value !== null) run.push(`${x(index).toFixed(2)} ${y(value).toFixed(2)}`);
    else if (run.length) {
      runs.push(`M${run.join("L")}`);
      run = [];
    }
  });
  if (run.length) runs.push(`M${run.join("L")}`);
  const area = runs.length === 1 && known.length === values.length ? `${runs[0]}L${box.width} ${box.height}L0 ${box.height}Z` : undefined;
  return (
    <svg className={`spark ${tone ?? ""}`} width={width} height={height} viewBox={`0 0 ${box.width} ${box.height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {area && <path className="area" d={area} />}
      <path className="line" d={runs.join("")} />
    </svg>
  );
}
