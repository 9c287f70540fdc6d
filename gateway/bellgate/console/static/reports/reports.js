// Figures of a span of days. Every plot has a table of the same values beside it, and every table a file.

import { get } from "../common/api.js";
import { known, make, whatText } from "../common/elements.js";
import { frame } from "../common/frame.js";
import { language, t } from "../common/texts.js";
import { day, dayValue, duration, filled, moment, number, share } from "../figures/format.js";
import { bar, draw as svg } from "../figures/plot.js";
import { midnight, perDay, reached } from "./plots.js";

const byId = (id) => document.getElementById(id);
const DISPOSITIONS = ["genuine", "accidental", "prank", "device_fault", "nobody_found", "duplicate", "test"];
// Of a list of bells; the others are a click away.
const BELLS_SHOWN = 12;
const PRESETS_DAYS = [7, 30, 90, 365];
const DAY_MS = 86_400_000;
// Longer than the gateway itself reckons on a Pi.
const DEADLINE_MS = 30_000;
const form = byId("asking");
let report = null;
let asked = {};
let state = "waiting";
let message = "";
let running = 0;

const cell = (text, names = "") => make("td", { class: names, text });
const figure = (n) => cell(n === null ? "–" : typeof n === "number" ? number(n) : n, "number");
const csv = (table) => `/api/v1/reports.csv?${new URLSearchParams({ ...asked, table, language })}`;

function table(label, columns, rows, numbers = []) {
  const head = columns.map((one) => make("th", { scope: "col", class: numbers.includes(one) ? "number" : "", text: t(`column.${one}`) }));
  const box = make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
  return rows.length ? box : make("p", { class: "nothing", text: t("report.nothing") });
}

// The first rows of a table of bells, and the rest folded away.
function bells(label, columns, rows, numbers) {
  const rest = rows.slice(BELLS_SHOWN);
  const more = rest.length ? [make("details", {}, make("summary", { text: t("report.others", { n: rest.length }) }), table(`${label}: ${t("report.others", { n: rest.length })}`, columns, rest, numbers))] : [];
  return [table(label, columns, rows.slice(0, BELLS_SHOWN), numbers), ...more];
}

const folded = (inside) => make("details", {}, make("summary", { text: t("report.table") }), inside);

// files: the tables that can be taken away. pieces: what follows the title.
function section(id, title, files, help, ...pieces) {
  const links = files.map((one) => make("a", { href: csv(one), download: "", class: "button quiet", text: t("report.csv"), "aria-label": t("report.csv_of", { table: title }) }));
  const open = [...byId(id).querySelectorAll("details")].map((one) => one.open);
  byId(id).replaceChildren(make("div", { class: "titled" }, make("h2", { text: title }), ...links), ...(help ? [make("p", { class: "help", text: help })] : []), ...pieces);
  byId(id).querySelectorAll("details").forEach((one, index) => {
    one.open = open[index] ?? false;
  });
}

function legend(...entries) {
  return make("ul", { class: "legend" }, ...entries.map(([text, ...shapes]) => {
    const drawn = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, ...shapes);
    return make("li", {}, drawn, make("span", { text }));
  }));
}

const square = (given) => svg("rect", { width: 16, height: 16, rx: 3, ...given });
const stroke = (step) => svg("path", { d: "M0,8H16", class: `curve ${step}` });

function drawTiles() {
  const sum = (name) => report.days.reduce((total, one) => total + one[name], 0);
  const acknowledged = report.response.find((one) => one.step === "acknowledged");
  const tile = (name, value, more = "") => make("li", {}, make("span", { text: t(`tile.${name}`) }), make("strong", { text: value }), make("small", { text: more }));
  byId("tiles").replaceChildren(
    tile("real", number(sum("real"))),
    tile("acknowledged", duration(acknowledged.p50)),
    tile("never", number(acknowledged.never), t("tile.of", { n: number(acknowledged.total) })),
    tile("heard", share(report.heard, 2), report.never_heard ? `${t("report.never_heard")} ${number(report.never_heard)}` : ""),
    tile("able", share(report.gateway.able, 3)),
    tile("tests", number(sum("tests"))),
    tile("overdue", number(report.overdue), t("tile.of", { n: number(report.bells) })),
  );
}

function drawDays() {
  const names = ["real", "genuine", "false", "tests"];
  const rows = report.days.map((one) => make("tr", {}, cell(day(midnight(one.day)), "when"), ...names.map((name) => figure(one[name]))));
  const shown = legend([t("column.genuine"), square({ class: "fill-genuine" })], [t("column.false"), square({ fill: "url(#slanted)" })], [t("report.rest"), square({ class: "fill-rest" })]);
  const label = t("report.per_day");
  section("days", label, ["days"], "", shown, make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, perDay(report.days)), folded(table(`${label}: ${t("report.table")}`, ["day", ...names], rows, names)));
}

// A row for each kind, a column for each way in which one can end.
function drawCounts() {
  const ends = [...DISPOSITIONS, null].filter((end) => report.counts.some((one) => one.disposition === end));
  const kinds = new Map();
  for (const one of report.counts) {
    const key = `${one.what} ${one.test}`;
    if (!kinds.has(key)) kinds.set(key, { what: one.what, test: one.test, by: new Map(), all: 0 });
    const kind = kinds.get(key);
    kind.by.set(one.disposition, one.n);
    kind.all += one.n;
  }
  const heads = [t("column.what"), ...ends.map((end) => (end ? known("disposition", end) : t("report.open"))), t("report.all")];
  const head = make("tr", {}, ...heads.map((text, index) => make("th", { scope: "col", class: index ? "number" : "", text })));
  const name = (kind) => (kind.test && kind.what !== "test" ? `${whatText(kind.what)} (${t("column.test")})` : whatText(kind.what));
  const rows = [...kinds.values()].map((kind) => make("tr", {}, cell(name(kind)), ...ends.map((end) => figure(kind.by.get(end) ?? 0)), figure(kind.all)));
  const label = t("report.counts");
  const box = make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
  section("counts", label, ["counts"], "", rows.length ? box : make("p", { class: "nothing", text: t("report.nothing") }));
}

function drawResponse() {
  const shares = ["p50", "p90", "p95", "p99"];
  const counts = ["total", "reached", "never"];
  const rows = report.response.map((one) => make("tr", {}, cell(t(`step.${one.step}`)), ...counts.map((name) => figure(one[name])), ...shares.map((name) => cell(duration(one[name]), "number"))));
  const shown = legend(...report.response.map((one) => [t(`step.${one.step}`), stroke(one.step)]));
  const points = report.response.flatMap((one) => one.curve.map(([ms, n]) => make("tr", {}, cell(t(`step.${one.step}`)), cell(duration(ms), "number"), figure(n), cell(share(n / one.total), "number"))));
  const label = t("report.curve");
  const plot = make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, reached(report.response));
  section("response", t("report.response"), ["response"], t("report.response_text"), table(t("report.response"), ["step", ...counts, ...shares], rows, [...counts, ...shares]), make("p", { class: "help", text: label }), shown, plot, folded(table(`${label}: ${t("report.table")}`, ["step", "after_s", "reached", "share"], points, ["after_s", "reached", "share"])));
}

const bell = (one) => make("td", {}, make("strong", { text: one.name }), make("small", { text: `${one.bell_id} · ${one.site}` }));
const barred = (x, kind, digits) => make("td", {}, make("span", { class: "cell" }, bar(x, kind), make("span", { text: share(x, digits) })));

function drawFalse() {
  const counts = ["alarms", "genuine", "false", "unknown"];
  const rows = report.false_alarms.map((one) => make("tr", {}, bell(one), one.rate === null ? cell("–") : barred(one.rate, "fill-false", 0), ...counts.map((name) => figure(one[name]))));
  const cut = report.false_alarm_bells > rows.length ? [make("p", { class: "help", text: t("report.false_cut", { n: rows.length, all: number(report.false_alarm_bells) }) })] : [];
  section("false", t("report.false"), ["false_alarms"], t("report.false_text"), ...bells(t("report.false"), ["bell", "rate", ...counts], rows, counts), ...cut);
}

function drawAvailable() {
  const rows = report.availability.map((one) => make("tr", {}, bell(one), one.heard === null ? cell(t("report.never_heard")) : barred(one.heard, "fill-good", 2), figure(one.silences), cell(duration(one.silent_ms), "number"), cell(moment(one.last_seen_ms), "when")));
  const lines = report.gateway.lines.map((one) => make("tr", {}, cell(known("trouble", one.kind)), cell(moment(one.raised_ms), "when"), cell(moment(one.cleared_ms), "when")));
  const gateway = make("h3", { text: `${t("tile.able")} ${share(report.gateway.able, 3)}` });
  section("available", t("report.available"), ["availability"], t("report.available_text"), ...bells(t("report.available"), ["bell", "heard", "silences", "silent_for", "last_seen"], rows, ["silences", "silent_for"]), gateway, make("p", { class: "help", text: t("report.gateway_text") }), table(t("tile.able"), ["trouble", "began", "ended"], lines));
}

function drawTests() {
  const rows = report.tests.map((one) => {
    const tag = make("span", { class: one.overdue ? "tag warn" : "tag good", text: t(one.overdue ? "report.late" : "report.in_time") });
    return make("tr", {}, bell(one), figure(one.tests), cell(one.last_test_ms === null ? t("report.never") : moment(one.last_test_ms), "when"), make("td", {}, tag));
  });
  section("tests", t("report.tests"), ["tests"], t("report.tests_text", { days: report.test_every_days }), ...bells(t("report.tests"), ["bell", "tests", "last_test", "overdue"], rows, ["tests"]));
}

function draw() {
  byId("presets").replaceChildren(...PRESETS_DAYS.map((n) => {
    const button = make("button", { type: "button", class: "quiet", text: t("report.days", { n }) });
    button.addEventListener("click", () => preset(n));
    return button;
  }));
  byId("report").hidden = report === null;
  const made = report === null ? "" : t("report.made", { first: report.first, last: report.last, time: moment(report.made_ms) });
  byId("said").textContent = { waiting: t("report.waiting"), failed: t("report.failed"), refused: t("report.refused", { message }), shown: made }[state];
  byId("said").classList.toggle("problem", state === "failed" || state === "refused");
  if (report === null) return;
  for (const one of [drawTiles, drawDays, drawCounts, drawResponse, drawFalse, drawAvailable, drawTests]) one();
}

async function ask() {
  const turn = ++running;
  asked = filled(form);
  history.replaceState(null, "", `?${new URLSearchParams(asked)}`);
  state = "waiting";
  draw();
  const { status, body } = await get(`/api/v1/reports?${new URLSearchParams(asked)}`, DEADLINE_MS);
  if (turn !== running) return; // something else was asked meanwhile
  if (status === 200) [report, state] = [body, "shown"];
  else [report, state, message] = [null, body?.error ? "refused" : "failed", body?.error?.message ?? ""];
  draw();
  document.body.dataset.drawn = "true";
}

function preset(days) {
  const last = new Date();
  form.elements.to.value = dayValue(last);
  form.elements.from.value = dayValue(new Date(last.getTime() - (days - 1) * DAY_MS));
  ask();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
const given = new URLSearchParams(location.search);
for (const name of ["from", "to", "area"]) if (given.get(name)) form.elements[name].value = given.get(name);
await frame(draw);
if (form.elements.from.value && form.elements.to.value) ask();
else preset(30);
