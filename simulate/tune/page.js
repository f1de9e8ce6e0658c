"use strict";
// Draws what was tried and the front; pointing at a policy shows it.
const colours = { tried: "#afb8c1", front: "#0969da", present: "#bc4c00", chosen: "#1a7f37" };
const points = [
  ...result.front.map((c, n) => ({ kind: "front", n, x: c.cost_usd, y: c.over_slo_minutes, policy: c })),
  { kind: "present", x: result.present.cost_usd, y: result.present.over_slo_minutes, policy: result.present },
  { kind: "chosen", x: result.chosen.cost_usd, y: result.chosen.over_slo_minutes, policy: result.chosen },
];
let kept = points[points.length - 1];

// Rows have one x each; a series has a value in its own rows only.
const rows = [...result.tried.map(([x, y]) => ({ kind: "tried", x, y })), ...points].sort((a, b) => a.x - b.x);
const column = kind => rows.map(r => r.kind === kind ? r.y : null);

const series = (label, kind, size) => ({
  label, stroke: colours[kind], paths: () => null, value: (_, v) => v == null ? "–" : v + " min",
  points: { show: true, size, width: 1.5, stroke: colours[kind], fill: kind === "tried" ? colours.tried + "66" : colours[kind] },
});

const padded = (low, high, least) => {
  const by = Math.max((high - low) * 0.06, least);
  return [low - by, high + by];
};

const parent = document.getElementById("chart");
const chart = new uPlot({
  width: parent.clientWidth, height: 420,
  cursor: { drag: { x: true, y: true, uni: 20 }, points: { show: false } },
  scales: { x: { time: false }, y: {} },
  axes: [{ values: (_, ticks) => ticks.map(v => +v.toFixed(4) + " $") }, { size: 70, values: (_, ticks) => ticks.map(v => v + " min") }],
  legend: { live: false },
  series: [{ label: "USD" }, series("tried", "tried", 4), series("front", "front", 8), series("present policy", "present", 11), series("chosen", "chosen", 11)],
}, [rows.map(r => r.x), column("tried"), column("front"), column("present"), column("chosen")], parent);

// What matters is shown first; a double click shows everything.
chart.batch(() => {
  const xs = points.map(p => p.x), ys = points.map(p => p.y);
  const [low, high] = padded(Math.min(...xs), Math.max(...xs), 0.01), most = Math.max(1, ...ys);
  chart.setScale("x", { min: low, max: high });
  chart.setScale("y", { min: -0.03 * most, max: 1.06 * most });
});

// nearest is the point within reach of the pointer, the chosen one first.
function nearest(event) {
  const box = chart.over.getBoundingClientRect();
  const left = event.clientX - box.left, top = event.clientY - box.top;
  let best = null, reach = 14;
  for (const p of [...points].reverse()) {
    const away = Math.hypot(chart.valToPos(p.x, "x") - left, chart.valToPos(p.y, "y") - top);
    if (away < reach) [best, reach] = [p, away];
  }
  return best;
}

const cell = (row, text, tag = "td") => row.appendChild(document.createElement(tag)).textContent = text;

function show(point) {
  const panel = document.getElementById("policy"), p = point.policy;
  panel.replaceChildren();
  panel.dataset.kind = point.kind;
  const names = { front: "policy " + ((point.n ?? 0) + 1) + " of the front", present: "present policy", chosen: "chosen policy" };
  panel.appendChild(document.createElement("h2")).textContent = names[point.kind];
  panel.appendChild(document.createElement("p")).textContent =
    p.cost_usd.toFixed(2) + " USD, " + p.over_slo_minutes + " min above the objective, " + +p.unserved_percent.toPrecision(3) + " % unserved; "
    + (p.keeps ? "keeps" : "does not keep") + " the condition";
  const table = panel.appendChild(document.createElement("table"));
  for (const change of p.changes) {
    const row = table.insertRow();
    cell(row, change.path);
    cell(row, change.from + " → " + change.to);
  }
  if (!p.changes.length) panel.appendChild(document.createElement("p")).textContent = "as tandem.yaml has it";
  for (const row of document.querySelectorAll("#front tr[data-point]")) {
    row.classList.toggle("selected", point.kind === "front" && +row.dataset.point === point.n);
  }
}

chart.over.addEventListener("mousemove", event => show(nearest(event) || kept));
chart.over.addEventListener("mouseleave", () => show(kept));
chart.over.addEventListener("click", event => { kept = nearest(event) || kept; show(kept); });
for (const row of document.querySelectorAll("#front tr[data-point]")) {
  row.addEventListener("click", () => { kept = points[+row.dataset.point]; show(kept); });
}
addEventListener("resize", () => chart.setSize({ width: parent.clientWidth, height: 420 }));
show(kept);
