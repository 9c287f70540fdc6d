// The trouble list by urgency. Live for whoever may listen to the stream; for the others asked for every few seconds.

import { get } from "../common/api.js";
import { momentText } from "../common/bells.js";
import { make } from "../common/elements.js";
import { RIGHTS, frame } from "../common/frame.js";
import { Fresh } from "../common/fresh.js";
import { Live } from "../common/live.js";
import { span, t } from "../common/texts.js";
import { detailOf, membersOf, remedyOf, titleOf } from "../common/troubles.js";

const EVERY_MS = 5_000;
const TICK_MS = 1_000;
// Several end together when a street has power again: ask once.
const CLEARED_AFTER_MS = 1_000;
const URGENCIES = ["at_once", "today", "later"];

const byId = (id) => document.getElementById(id);
const troubles = new Map();
const unfolded = new Set();
let cleared = [];
let clearedTimer = 0;
let signedOut = false;

const follows = RIGHTS.has("read");
const live = new Live({ snapshot: ({ troubles: all }) => replace(all), incident: () => {}, trouble: take, signedOut: over });
const fresh = follows ? null : new Fresh("/api/v1/troubles", EVERY_MS, polled, byId("age"));
const now_ms = () => (follows ? live.now_ms() : fresh.now_ms());

function replace(all) {
  troubles.clear();
  for (const each of all) troubles.set(each.id, each);
  draw();
  tick();
  askCleared();
}

function take({ change, trouble }) {
  if (change === "cleared" || change === "gathered") troubles.delete(trouble.id);
  else troubles.set(trouble.id, trouble);
  draw();
  if (change !== "cleared") return;
  clearTimeout(clearedTimer);
  clearedTimer = setTimeout(askCleared, CLEARED_AFTER_MS);
}

let before = "";
function polled({ items }) {
  const said = JSON.stringify(items);
  if (said !== before) replace(items); // only what changed is drawn anew: what is unfolded or focused stays
  before = said;
}

async function askCleared() {
  const { status, body } = await get("/api/v1/troubles/cleared");
  if (status !== 200) return;
  cleared = body.items;
  drawCleared();
  document.body.dataset.drawn = "true";
}

function draw() {
  const focused = document.activeElement?.closest?.("[data-id]");
  const at = focused ? [focused.dataset.id, document.activeElement.tagName] : null;
  const groups = URGENCIES.map((urgency) => {
    const lines = [...troubles.values()].filter((each) => (each.urgency ?? "today") === urgency);
    if (lines.length === 0) return null;
    lines.sort((a, b) => b.raised_ms - a.raised_ms);
    const title = make("h3", {}, make("span", { text: t(`trouble_list.${urgency}`) }), make("output", { text: lines.length }));
    return make("section", { class: urgency }, title, make("ul", { class: "lines" }, ...lines.map(line)));
  });
  byId("open").replaceChildren(...groups.filter(Boolean));
  byId("calm").hidden = troubles.size > 0;
  if (at) byId("open").querySelector(`[data-id="${CSS.escape(at[0])}"] ${at[1]}`)?.focus();
}

function whose(each) {
  if (!each.bell_id || !RIGHTS.has("bells")) return make("span", { class: "whose", text: each.subject });
  return make("a", { class: "whose", href: `/bells#${each.bell_id}`, text: each.subject });
}

function line(each) {
  const facts = [t("trouble.since", { time: momentText(each.raised_ms) })];
  if (each.count > 1 && !each.members) facts.push(t("trouble.times", { n: each.count }));
  if (each.state === "falling") facts.push(t("trouble_list.falling"));
  const age = make("span", { class: "age", "data-since": each.raised_ms, text: ageOf(each.raised_ms) });
  const item = make("li", { "data-id": each.id }, make("header", {}, make("strong", { text: titleOf(each) }), whose(each), age),
    detailOf(each), make("small", { text: facts.join(" · ") }));
  const remedy = remedyOf(each);
  if (remedy) item.append(make("p", { class: "remedy", text: remedy }));
  if (each.members) item.append(membersOf(each, unfolded, whose));
  return item;
}

const ageOf = (since) => t("trouble_list.age", { span: span(now_ms() - since) });

function drawCleared() {
  byId("cleared").replaceChildren(...cleared.map((each) => {
    const when = `${t("trouble.since", { time: momentText(each.raised_ms) })} · ${t("trouble_list.cleared_at", { time: momentText(each.cleared_ms) })}`;
    return make("li", {}, make("header", {}, make("strong", { text: titleOf(each) }), whose(each)), make("small", { text: when }));
  }));
  byId("cleared-count").textContent = cleared.length;
  byId("none-cleared").hidden = cleared.length > 0;
}

function over() {
  signedOut = true;
  location.assign("/sign-in");
}

function tick() {
  for (const age of document.querySelectorAll("[data-since]")) age.textContent = ageOf(Number(age.dataset.since));
  if (!follows || signedOut) return;
  live.check();
  const old = live.greeted && !live.fresh;
  document.body.dataset.fresh = String(!old);
  byId("age").className = old ? "problem" : "nothing";
  const text = old ? t("fresh.old", { span: span(live.silent_ms) }) : t(live.fresh ? "link.fresh" : "link.connecting");
  if (byId("age").textContent !== text) byId("age").textContent = text;
}

await frame(() => {
  draw();
  drawCleared();
  tick();
});
if (follows) live.open();
else await fresh.ask();
setInterval(tick, TICK_MS);
