"use strict";
// Draws the runs on one time axis: what is zoomed in one chart is in all.
const colours = ["#0969da", "#bc4c00", "#8250df", "#1a7f37", "#bf3989", "#57606a"];
const charts = [];
let zooming = false;

const fixed = (digits, unit) => (_, v) => v == null ? "–" : v.toFixed(digits) + unit;

function zoomAll(from) {
  if (zooming) return;
  zooming = true;
  const { min, max } = from.scales.x;
  for (const chart of charts) if (chart !== from) chart.setScale("x", { min, max });
  zooming = false;
}

function draw(parent, title, height, unit, series, data, range, hooks = {}) {
  const heading = document.createElement("h3");
  heading.textContent = title;
  parent.append(heading);
  const chart = new uPlot({
    width: parent.clientWidth, height,
    tzDate: ts => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
    cursor: { sync: { key: "time" }, drag: { x: true, y: false } },
    scales: { y: { range } },
    axes: [{ values: clock }, { size: alarmAxis, values: (_, ticks) => ticks.map(t => t + unit) }],
    series: [{ label: "time", value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" }, ...series],
    hooks: { ...hooks, setScale: [(u, key) => { if (key === "x") zoomAll(u); }] },
  }, data, parent);
  charts.push(chart);
  return chart;
}

// clock are uPlot's formats by distance of ticks, with 24 hours a day:
// [least distance, format, …at a new year, …month, …day, …hour, …minute, …]
const clock = [
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];

const alarmAxis = 136;
const fromZero = (_, min, max) => [0, Math.max(max * 1.05, 1)];
const stepped = uPlot.paths.stepped({ align: 1 });

function drawWork(parent, times, s) {
  draw(parent, "demand and capacity, cores", 210, "", [
    { label: "demand", stroke: colours[0], width: 1.5, value: fixed(2, "") },
    { label: "in service", stroke: colours[3], width: 1.5, paths: stepped, value: fixed(0, "") },
    { label: "not served", stroke: "#cf222e", fill: "#cf222e55", width: 1, value: fixed(2, "") },
  ], [times, s.demand_cores, s.capacity_cores, s.unserved_cores], fromZero);
}

function drawInstances(parent, times, s) {
  const series = [], data = [times];
  s.groups.forEach((g, n) => {
    const stroke = colours[n % colours.length];
    series.push({ label: g.name + " in service", stroke, fill: stroke + "22", width: 1.5, paths: stepped });
    series.push({ label: g.name + " desired", stroke, width: 1, dash: [5, 4], paths: stepped });
    data.push(g.in_service, g.desired);
  });
  draw(parent, "instances by group", 210, "", series, data, fromZero);
}

// drawCPU draws each group's CPU, and each alarm's threshold in its colour.
function drawCPU(parent, times, s, objective) {
  const series = [], data = [times], lines = [{ value: objective, colour: "#000", dash: [2, 3] }];
  s.groups.forEach((g, n) => {
    const colour = colours[n % colours.length];
    series.push({ label: g.name, stroke: colour, width: 1.25, value: fixed(1, " %") });
    data.push(g.cpu_percent);
    for (const a of g.alarms) lines.push({ value: a.threshold, colour, dash: [8, 5] });
  });
  const thresholds = u => {
    const { ctx, bbox } = u;
    ctx.save();
    for (const { value, colour, dash } of lines) {
      const y = Math.round(u.valToPos(value, "y", true));
      ctx.strokeStyle = colour + (colour.length === 7 ? "99" : "");
      ctx.setLineDash(dash);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  };
  draw(parent, "CPU by group, percent; dashed: alarm thresholds, dotted: the objective", 210, " %",
    series, data, () => [0, 100], { drawAxes: [thresholds] });
}

// drawAlarms draws a row for each alarm, filled while it is in ALARM, and a
// mark on it wherever one of its policy's activities began. What no policy did,
// such as reclaims, has a row of its own.
function drawAlarms(parent, times, s, run) {
  const rows = s.groups.flatMap(g => g.alarms.map(a => ({ group: g.name, ...a })));
  for (const cause of new Set(run.activities.map(a => a.cause))) if (cause !== "policy") rows.push({ cause, state: [] });
  if (!rows.length) return;
  const belongs = (a, row) => row.cause ? a.cause === row.cause :
    a.group === row.group && a.policy === row.policy && (!a.alarm || a.alarm === row.name);
  const fills = { 1: "#cf222e", 2: "#d0d7de" };
  const start = Date.parse(run.start) / 1e3;
  const paint = u => {
    const { ctx, bbox } = u, height = bbox.height / rows.length;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    rows.forEach((row, n) => {
      const top = bbox.top + n * height;
      for (let i = 0; i < times.length;) {
        let end = i + 1;
        while (end < times.length && row.state[end] === row.state[i]) end++;
        if (fills[row.state[i]]) {
          const left = u.valToPos(times[i], "x", true);
          const right = u.valToPos(end < times.length ? times[end] : times[end - 1] + s.step_seconds, "x", true);
          ctx.fillStyle = fills[row.state[i]];
          ctx.fillRect(left, top + 2, Math.max(right - left, 1), height - 4);
        }
        i = end;
      }
      ctx.fillStyle = "#000";
      for (const a of run.activities) {
        if (belongs(a, row)) ctx.fillRect(u.valToPos(start + a.seconds, "x", true) - 1, top + 2, 2, height - 4);
      }
    });
    ctx.restore();
  };
  const chart = draw(parent, "alarms and activities: red in ALARM, grey without data, black an activity", 60 + rows.length * 26, "",
    [{ label: "alarm", show: false }], [times, times.map(() => 0)], () => [0, rows.length], { draw: [paint] });
  chart.root.querySelector(".u-legend").hidden = true;
  chart.axes[1].splits = () => rows.map((_, n) => n + 0.5);
  const shared = prefix(s.groups.map(g => g.name)).length;
  chart.axes[1].values = () => rows.map((_, n) => short(rows[rows.length - 1 - n], shared));
  chart.redraw(false, true);
}

// short names an alarm by what tells alarms apart: group and threshold.
function short(alarm, shared) {
  if (alarm.cause) return alarm.cause;
  const sign = { GreaterThanOrEqualToThreshold: "≥", GreaterThanThreshold: ">", LessThanThreshold: "<", LessThanOrEqualToThreshold: "≤" };
  const group = alarm.group.slice(shared);
  return (group.length > 10 ? group.slice(0, 9) + "…" : group) + " " + (sign[alarm.comparison] || "") + " " + alarm.threshold + " %";
}

// prefix is what all names begin with, up to a hyphen.
function prefix(names) {
  let n = 0;
  while (names.length > 1 && n < names[0].length && names.every(name => name[n] === names[0][n])) n++;
  return names[0].slice(0, names[0].lastIndexOf("-", n) + 1);
}

function drawRun(parent, run) {
  const s = run.series;
  if (!s) return;
  const start = Date.parse(run.start) / 1e3;
  const times = s.demand_cores.map((_, n) => start + n * s.step_seconds);
  drawWork(parent, times, s);
  drawInstances(parent, times, s);
  drawCPU(parent, times, s, run.objective_cpu);
  drawAlarms(parent, times, s, run);
  if (s.demand_cores.length * s.step_seconds > 0) {
    document.getElementById("thinned").textContent = "One point covers " + s.step_seconds + " s.";
  }
}

for (const parent of document.querySelectorAll(".run")) drawRun(parent, runs[parent.dataset.run]);
addEventListener("resize", () => {
  for (const chart of charts) chart.setSize({ width: chart.root.parentElement.clientWidth, height: chart.height });
});
