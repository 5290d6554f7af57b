// Lines over time, drawn by hand: a few hundred points need no library.
import { h, svg } from "./dom.js";

const WIDTH = 600;

/**
 * @param points [{at: milliseconds, …}], the oldest first
 * @param series [{name, label, kind}], the first one filled
 * @param format how a value is written
 */
export function chart({ points, series, format, seconds, height = 96, label }) {
  const values = points.flatMap((point) => series.map(({ name }) => point[name])).filter(Number.isFinite);
  const top = nice(Math.max(...values, 0));
  const end = points.at(-1)?.at ?? Date.now();
  const start = end - seconds * 1000;
  const x = (at) => ((at - start) / (end - start)) * WIDTH;
  const y = (value) => height - 1 - (value / top) * (height - 6);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const share of [0.5, 1]) {
    picture.append(svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: y(top * share), y2: y(top * share) }));
  }
  series.forEach(({ name, kind }, index) => {
    for (const run of runs(points, name, seconds)) {
      const line = run.map((point, place) => `${place ? "L" : "M"}${x(point.at).toFixed(1)} ${y(point[name]).toFixed(1)}`);
      if (index === 0) {
        const floor = `L${x(run.at(-1).at).toFixed(1)} ${height} L${x(run[0].at).toFixed(1)} ${height} Z`;
        picture.append(svg("path", { class: `area ${kind}`, d: `${line.join(" ")} ${floor}` }));
      }
      picture.append(svg("path", { class: `line ${kind}`, d: line.join(" ") }));
    }
  });
  const cursor = svg("line", { class: "cursor", y1: 0, y2: height, visibility: "hidden" });
  picture.append(cursor);
  const reading = h("figcaption", { class: "reading" });
  const rest = () => {
    cursor.setAttribute("visibility", "hidden");
    reading.replaceChildren(`last ${Math.round(seconds / 60)} minutes`);
  };
  const read = (event) => {
    const box = picture.getBoundingClientRect();
    const at = start + ((event.clientX - box.left) / box.width) * (end - start);
    const point = points.reduce((best, next) => (Math.abs(next.at - at) < Math.abs(best.at - at) ? next : best), points[0]);
    if (!point) return;
    cursor.setAttribute("x1", x(point.at));
    cursor.setAttribute("x2", x(point.at));
    cursor.setAttribute("visibility", "visible");
    const words = series.map(({ name, label }) => `${label} ${format(point[name])}`).join(", ");
    reading.replaceChildren(`${new Date(point.at).toLocaleTimeString()}  ${words}`);
  };
  rest();
  return h("figure", { class: "chart", role: "img", "aria-label": label, onpointermove: read, onpointerleave: rest },
    h("div", { class: "plot" }, h("span", { class: "top-value" }, format(top)), picture), reading);
}

/** Stretches without a gap: where nothing was known for a while, no line says that it was. */
function runs(points, name, seconds) {
  const found = [];
  let last;
  for (const point of points) {
    if (!Number.isFinite(point[name])) {
      last = undefined;
      continue;
    }
    if (!last || point.at - last.at > Math.max(25_000, seconds * 25)) found.push([]);
    found.at(-1).push(point);
    last = point;
  }
  return found.filter((run) => run.length > 1);
}

/** The next round number. */
function nice(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value * 1.05) ?? 10 * power;
}
