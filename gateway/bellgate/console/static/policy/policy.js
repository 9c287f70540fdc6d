// Who is told when: the policies as the file has them, one alarm played through, and the week's shifts.

import { get } from "../common/api.js";
import { known, make, whatText } from "../common/elements.js";
import { frame } from "../common/frame.js";
import { t } from "../common/texts.js";
import { day, dayValue, filled, hour, moment } from "../figures/format.js";
import { week } from "./week.js";

const byId = (id) => document.getElementById(id);
const WHATS = ["duress", "holdup", "panic", "medical", "intrusion", "checkin_missed", "tamper", "test"];
const KINDS = ["store-bell", "home-set", "pendant"];
const WEEK_DAYS = 7;
let policy = null;
let watches = null;
let explained = null;
let refusal = "";
let failed = false;
let first = null; // the first day of the week that is shown; null: today

const list = (names) => names.join(", ");
const nameOf = (one) => (one.kind === "every" ? t("policy.every") : one.name);

function conditions(rule) {
  const said = [];
  if (rule.sites.length) said.push(t("policy.sites", { list: list(rule.sites) }));
  if (rule.bells.length) said.push(t("policy.bells", { list: list(rule.bells.map((one) => known("kind", one))) }));
  if (rule.alarms.length) said.push(t("policy.alarms", { list: list(rule.alarms.map(whatText)) }));
  return said.length ? said.join(" · ") : t("policy.any");
}

function step(one) {
  const who = make("ul", { class: "who" }, ...one.who.map((name) => make("li", {}, make("span", { class: "tag", text: nameOf(name) }))));
  const reached = one.reached.map((name) => (name === "*" ? t("policy.every") : name));
  const now = reached.length ? t("policy.now", { list: list(reached) }) : t("policy.nobody");
  return make("li", {}, make("strong", { text: t("policy.after", { s: one.after_s }) }), make("span", { text: t(`until.${one.when}`) }), who, make("small", { text: now }));
}

function drawRules() {
  const written = policy.policies.length > 0;
  const last = t(written ? "policy.else" : "policy.none", { s: policy.default_repeat_s });
  byId("rules-help").textContent = written ? `${t("policy.order")} ${last}` : last;
  byId("rules").replaceChildren(
    ...policy.policies.map((rule) => {
      const again = make("li", { class: "again" }, make("strong", { text: "↻" }), make("span", { text: t("policy.repeat", { s: rule.repeat_s }) }));
      again.firstChild.setAttribute("aria-hidden", "true");
      return make("section", { class: "panel" }, make("h3", { text: rule.name }), make("p", { class: "for", text: `${t("policy.for")}: ${conditions(rule)}` }), make("ol", { class: "ladder" }, ...rule.steps.map(step), again));
    }),
  );
}

function drawRounds() {
  if (refusal) return byId("rounds").replaceChildren(make("p", { class: "problem", text: t("policy.refused", { message: refusal }) }));
  if (explained === null) return byId("rounds").replaceChildren();
  const at = moment(new Date(explained.at).getTime());
  const by = explained.policy === "default" ? t("policy.by_none", { at }) : t("policy.by", { name: explained.policy, at });
  const rounds = explained.rounds.map((one) => {
    const who = make("ul", { class: "who" }, ...one.targets.map((name) => make("li", {}, make("span", { class: "tag", text: name }))));
    const more = [`${t("policy.step", { n: one.step })} · ${hour(new Date(one.at).getTime())}`];
    if (one.skipped.length) more.push(t("policy.skipped", { list: list(one.skipped) }));
    return make("li", {}, make("strong", { text: t("policy.after", { s: one.after_s }) }), make("span", { text: t(`until.${one.when}`) }), who, make("small", { text: more.join(" · ") }));
  });
  const again = make("li", { class: "again" }, make("strong", { "aria-hidden": "true", text: "↻" }), make("span", { text: t("policy.repeat", { s: explained.repeat_s }) }));
  return byId("rounds").replaceChildren(make("p", { text: by }), make("ol", { class: "ladder" }, ...rounds, again));
}

function drawConsoles() {
  const items = (watches ?? []).map((one) => {
    const said = [make("strong", { text: `${one.operator} · ${one.console}` }), make("span", { text: t("policy.since", { time: moment(one.begun_ms) }) })];
    if (one.condition !== "attended") said.push(make("span", { class: "tag warn", text: t("policy.unproved") }));
    return make("li", {}, ...said);
  });
  byId("consoles").replaceChildren(...(items.length ? items : [make("li", {}, make("span", { class: "tag warn", text: t("policy.no_console") }))]));
}

function rows(columns, lines) {
  const head = make("tr", {}, ...columns.map((one) => make("th", { scope: "col", text: t(one) })));
  const body = lines.map((cells) => make("tr", {}, ...cells.map((text, index) => make("td", { class: index ? "" : "when", text }))));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
}

function drawDuty() {
  const stations = policy.stations.map((one) => [one.name, one.role ? known("station_role", one.role) : "", one.on_duty.length ? list(one.on_duty) : t("policy.nobody")]);
  byId("stations").replaceChildren(stations.length ? rows(["policy.station", "policy.role", "policy.on_duty"], stations) : make("p", { class: "nothing", text: t("policy.no_shifts") }));
  byId("stations").setAttribute("aria-label", t("policy.duty_now"));
  const [from] = policy.week;
  byId("week-title").textContent = t("policy.week", { first: day(from.from_ms), timezone: policy.timezone });
  byId("week").setAttribute("aria-label", t("policy.picture"));
  byId("week").replaceChildren(week(policy));
  byId("shifts").setAttribute("aria-label", t("policy.table"));
  const lines = policy.shifts.map((one) => [`${day(one.from_ms)} ${hour(one.from_ms)} – ${hour(one.until_ms)}`, one.station, list(one.who)]);
  byId("shifts").replaceChildren(lines.length ? rows(["policy.time", "policy.station", "policy.who"], lines) : make("p", { class: "nothing", text: t("policy.no_shifts") }));
}

function choices(id, options) {
  const chosen = byId(id).value;
  byId(id).replaceChildren(...options.map(([value, text]) => make("option", { value, text })));
  byId(id).value = chosen || options[0][0];
}

function draw() {
  byId("policy").hidden = policy === null;
  byId("said").textContent = failed ? t("policy.failed") : policy ? t("policy.file", { file: policy.file }) : "";
  byId("said").classList.toggle("problem", failed);
  const what = byId("what").value || "panic";
  choices("what", WHATS.map((one) => [one, whatText(one)]));
  byId("what").value = what;
  choices("kind", KINDS.map((one) => [one, known("kind", one)]));
  if (policy === null) return;
  drawRules();
  drawRounds();
  drawConsoles();
  drawDuty();
}

async function load() {
  const [answer, watched] = await Promise.all([get(`/api/v1/policy${first ? `?week=${first}` : ""}`), get("/api/v1/desks")]);
  failed = answer.status !== 200;
  if (!failed) policy = answer.body;
  if (watched.status === 200) watches = watched.body.items;
  draw();
  document.body.dataset.drawn = "true";
}

function move(days) {
  const at = new Date(`${policy.week[0].day}T12:00:00`);
  at.setDate(at.getDate() + days);
  first = dayValue(at);
  load();
}

byId("explain").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { status, body } = await get(`/api/v1/policy/explain?${new URLSearchParams(filled(byId("explain")))}`);
  [explained, refusal] = status === 200 ? [body, ""] : [null, body?.error?.message ?? t("policy.failed")];
  drawRounds();
});
byId("previous").addEventListener("click", () => move(-WEEK_DAYS));
byId("next").addEventListener("click", () => move(WEEK_DAYS));
byId("today").addEventListener("click", () => {
  first = null;
  load();
});

await frame(draw);
load();
