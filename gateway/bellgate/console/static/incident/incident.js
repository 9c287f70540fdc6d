// One incident whole: what, who, where, how sure, who was told, who did what.

import { get } from "../common/api.js";
import { byText, known, make, symbol, whatText } from "../common/elements.js";
import { frame } from "../common/frame.js";
import { span, t } from "../common/texts.js";
import { moment, number } from "../figures/format.js";
import { timeline } from "./timeline.js";

const byId = (id) => document.getElementById(id);
const number_ = location.pathname.split("/").at(-1);
let incident = null;
let problem = "";

const cell = (text, names = "") => make("td", { class: names, text });
const head = (id, names) => byId(id).replaceChildren(make("tr", {}, ...names.map((one) => make("th", { scope: "col", text: t(`seen.${one}`) }))));

function pressed({ at_ms, err_ms }) {
  if (err_ms === null) return t("seen.before", { time: moment(at_ms) });
  return t("seen.about", { time: moment(at_ms), s: number(Math.round(err_ms / 100) / 10) });
}

function facts() {
  const said = [];
  if (incident.duress) said.push(t("fact.duress"));
  if (!incident.test) said.push(t(incident.silent ? "fact.silent" : "fact.audible"));
  said.push(t("fact.signals", { n: incident.signal_count }));
  for (const flag of ["cancel_asked", "restored", "tampered", "late", "clock_unsure"]) if (incident[flag]) said.push(t(`fact.${flag}`));
  return said;
}

function list(...lines) {
  const dl = make("dl");
  for (const [name, value, more] of lines) {
    if (value === "" || value === null || value === undefined) continue;
    const dd = make("dd", {}, typeof value === "string" ? value : value);
    if (more) dd.append(make("small", { text: more }));
    dl.append(make("dt", { text: name }), dd);
  }
  return dl;
}

function drawHead() {
  const one = incident;
  const drawn = document.getElementById(`what-${one.what}`) ? one.what : "other";
  const what = make("p", { class: one.test ? "what test" : "what" }, symbol(`what-${drawn}`), make("span", { text: `${whatText(one.what)} — ${one.name}` }));
  if (one.test) what.append(make("span", { class: "tag warn", text: t("whole.test") }));
  const confirmed = one.confirmed_ms ? [moment(one.confirmed_ms), one.confirmed_by].filter(Boolean).join(" · ") : t("whole.unconfirmed");
  const where = list(
    [t("whole.address"), one.address],
    [t("whole.floor"), one.floor],
    [t("whole.entrance"), one.entrance],
    [t("whole.approach"), one.approach],
    [t("whole.confirmed"), confirmed],
    [t("whole.position"), one.lat === null ? "" : `${one.lat.toFixed(5)}, ${one.lon.toFixed(5)}`],
    [t("whole.bell"), `${one.bell_id} · ${one.site}`, one.kind ? known("kind", one.kind) : ""],
  );
  const merged = one.merged_into === null ? "" : make("a", { href: `/incidents/${one.merged_into}`, text: t("whole.merged", { id: one.merged_into }) });
  const closed = one.closed_ms === null ? "" : `${known("disposition", one.disposition)} · ${moment(one.closed_ms)}`;
  const state = list(
    [t("whole.state"), known("handling", one.handling)],
    [t("whole.owner"), one.owner],
    [t("seen.pressed"), pressed(one.occurred), known("source", one.occurred.source)],
    [t("whole.opened"), moment(one.opened_ms)],
    [t("whole.closed"), closed, one.closed_ms === null ? "" : t("whole.took", { span: span(one.closed_ms - one.opened_ms) })],
    [t("whole.facts"), facts().join(" · ")],
    [t("whole.policy"), one.escalation.policy],
    [t("act.merge"), merged],
  );
  byId("head").replaceChildren(what, where, state);
}

function detail(line) {
  const { text, disposition, to, into, from } = line.detail;
  const said = [];
  if (disposition) said.push(known("disposition", disposition));
  if (to) said.push(t("seen.handed", { to }));
  if (into) said.push(t("whole.title", { id: into }));
  if (from && line.act === "absorbed") said.push(t("whole.title", { id: from }));
  if (line.detail.what) said.push(whatText(line.detail.what));
  if (text) said.push(text);
  return said.join(" · ");
}

function drawTables() {
  head("records-head", ["time", "act", "by", "detail"]);
  byId("records").replaceChildren(...incident.timeline.map((one) => make("tr", {}, cell(moment(one.at_ms), "when"), cell(known("act", one.act)), cell(byText(one.by)), cell(detail(one)))));
  head("signals-head", ["number", "act", "pressed", "source", "received", "flags"]);
  byId("signals").replaceChildren(
    ...incident.signals.map((one) => {
      const flags = [one.late ? t("fact.late") : "", one.clock_unsure ? t("fact.clock_unsure") : "", one.arrivals > 1 ? t("seen.arrivals", { n: one.arrivals }) : ""];
      return make("tr", {}, cell(one.number), cell(whatText(one.what)), cell(pressed(one.occurred), "when"), cell(known("source", one.occurred.source)), cell(moment(one.received_ms), "when"), cell(flags.filter(Boolean).join(" · ")));
    }),
  );
  head("deliveries-head", ["target", "about_what", "time", "result", "attempts", "proof"]);
  byId("deliveries").replaceChildren(
    ...incident.deliveries.map((one) => make("tr", {}, cell(one.target), cell(known("about", one.type.split(".").at(-1))), cell(moment(one.ended_ms ?? one.created_ms), "when"), cell(known("sent", one.state)), cell(one.attempts, "number"), cell(one.proof ?? one.last_error ?? ""))),
  );
  byId("no-deliveries").hidden = incident.deliveries.length > 0;
  byId("deliveries-box").hidden = incident.deliveries.length === 0;
}

function draw() {
  byId("page-title").textContent = t("whole.title", { id: number_ });
  document.title = `${t("whole.title", { id: number_ })} · ${t("brand")}`;
  byId("said").textContent = problem ? t(problem) : "";
  byId("whole").hidden = incident === null;
  if (incident === null) return;
  drawHead();
  byId("timeline").setAttribute("aria-label", t("whole.timeline"));
  byId("timeline").replaceChildren(timeline(incident));
  drawTables();
  byId("export").href = `/api/v1/incidents/${incident.id}/export.zip`;
}

await frame(draw);
const { status, body } = await get(`/api/v1/incidents/${number_}`);
if (status === 200) incident = body;
else problem = status === 404 || status === 422 ? "whole.missing" : "whole.failed";
draw();
document.body.dataset.drawn = "true";
