// Courses over time. For whoever cannot see them, the same numbers as a table.
import { useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useIsDark } from "../app/theme";
import { Button, Card } from "./basics";
import { roundTop, TIME_STEPS, type Unit, valueSteps } from "./ticks";

export type ChartSeries = { name: string; values: (number | null)[]; color: "accent" | "bad" | "good" | "warn" | "info" };
type Props = { title: string; from: number; step: number; series: ChartSeries[]; format: (value: number) => string; unit?: Unit };

function color(name: string): string {
  // Canvas knows no CSS variables and no light-dark(): the browser resolves them on an element.
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

export function Chart({ title, from, step, series, format, unit = "count" }: Props) {
  const [table, setTable] = useState(false);
  const times = useMemo(() => (series[0]?.values ?? []).map((_, index) => (from + index * step) / 1000), [from, step, series[0]?.values.length]);
  return (
    <Card
      title={title}
      actions={<Button small kind="ghost" aria-pressed={table} onClick={() => setTable(!table)}>{table ? "Show as chart" : "Show as table"}</Button>}
    >
      {table ? <AsTable times={times} series={series} format={format} title={title} /> : <Plot times={times} series={series} format={format} title={title} unit={unit} />}
    </Card>
  );
}

/** Values without a neighbour: no line leads to them, so each is drawn as a point. */
const lonely: uPlot.Series.Points.Filter = (chart, series) => {
  const values = chart.data[series] ?? [];
  const known = (index: number) => values[index] !== null && values[index] !== undefined;
  return Array.from(values.keys()).filter((index) => known(index) && !known(index - 1) && !known(index + 1));
};

type Drawn = Omit<Props, "from" | "step"> & { times: number[] };

function Plot({ times, series, format, title, unit = "count" }: Drawn) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const dark = useIsDark();
  const data = useMemo(() => [times, ...series.map((each) => each.values)] as uPlot.AlignedData, [times, series]);
  const latest = useRef(data);
  latest.current = data;
  const names = series.map((each) => each.name).join();
  useEffect(() => {
    if (!place.current) return;
    const [text, line] = [color("text-2"), color("line")];
    const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui" };
    const chart = new uPlot(
      {
        width: place.current.clientWidth,
        height: 200,
        legend: { show: false },
        cursor: { y: false, points: { size: 7 } },
        scales: { y: { range: (_, __, most) => [0, roundTop(most, unit)] } },
        axes: [
          // As high as one line of text: the rest would stand empty below it.
          { ...axis, size: 30, incrs: TIME_STEPS, values: [[3600, "{HH}:{mm}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
          { ...axis, size: 76, incrs: valueSteps(unit), values: (_, splits) => splits.map((value) => format(value)) },
        ],
        series: [{}, ...series.map((each) => ({ label: each.name, stroke: color(each.color), width: 1.5, fill: series.length === 1 ? color(each.color).replace("rgb(", "rgba(").replace(")", ", 0.08)") : undefined, points: { show: true, size: 4, filter: lonely } }))],
        hooks: { setCursor: [(u) => setAt(u.cursor.idx ?? null)] },
      },
      latest.current,
      place.current,
    );
    plot.current = chart;
    const watch = new ResizeObserver(() => place.current && chart.setSize({ width: place.current.clientWidth, height: 200 }));
    watch.observe(place.current);
    return () => {
      watch.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [dark, names]);
  useEffect(() => {
    plot.current?.setData(data);
  }, [data]);
  const [at, setAt] = useState<number | null>(null);
  const index = at ?? lastKnown(series);
  return (
    <div className="stack tight">
      <div className="legend">
        {series.map((each) => (
          <span key={each.name}>
            <i className="swatch" style={{ background: `var(--${each.color})` }} />
            {each.name} <strong>{index === null || each.values[index] == null ? "–" : format(each.values[index] as number)}</strong>
          </span>
        ))}
        <span>{index === null || times[index] === undefined ? "" : new Date((times[index] as number) * 1000).toLocaleTimeString("en-GB")}</span>
      </div>
      <div ref={place} role="img" aria-label={`${title}: ${series.map((each) => `${each.name} ${index === null || each.values[index] == null ? "not known" : format(each.values[index] as number)}`).join(", ")}. The table has every value.`} />
    </div>
  );
}

function lastKnown(series: ChartSeries[]): number | null {
  const values = series[0]?.values ?? [];
  for (let index = values.length - 1; index >= 0; index -= 1) if (values[index] !== null) return index;
  return null;
}

function AsTable({ times, series, format, title }: Drawn) {
  const rows = times.map((time, index) => ({ time, index })).filter(({ index }) => series.some((each) => each.values[index] !== null)).reverse().slice(0, 500);
  return (
    <div className="chart-table" tabIndex={0} role="region" aria-label={`${title}, every value`}>
      <table className="table">
        <caption className="sr-only">{title}, newest first</caption>
        <thead><tr><th scope="col">Time</th>{series.map((each) => <th scope="col" className="num" key={each.name}>{each.name}</th>)}</tr></thead>
        <tbody>
          {rows.map(({ time, index }) => (
            <tr key={time}>
              <td>{new Date(time * 1000).toLocaleTimeString("en-GB")}</td>
              {series.map((each) => <td className="num" key={each.name}>{each.values[index] == null ? "–" : format(each.values[index] as number)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className="muted">No value yet.</p>}
    </div>
  );
}
