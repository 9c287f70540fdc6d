// The owner's page, on a phone: is my bell alive, when was it tested, what happened.

import { agoText, batteryText, kindText, mainsText, momentText, testOverdue, troubleNames } from "../common/bells.js";
import { known, make, symbol, whatText } from "../common/elements.js";
import { frame } from "../common/frame.js";
import { Fresh } from "../common/fresh.js";
import { t } from "../common/texts.js";

const EVERY_MS = 10_000;
const STEPS = ["mine.how_1", "mine.how_2", "mine.how_3"];

const byId = (id) => document.getElementById(id);
const unfolded = new Set();
let bells = [];
let drawnAs = "";

const fresh = new Fresh("/api/v1/my/bells", EVERY_MS, take, byId("age"));

function take({ items }) {
  bells = items;
  draw();
  document.body.dataset.drawn = "true";
}

// What can be told at a glance: the worst of what is known.
function verdict(bell) {
  if (bell.incidents.some((each) => !each.test && each.handling !== "closed")) return "alarm";
  if (!bell.online) return "silent";
  return bell.troubles.length > 0 ? "trouble" : "alive";
}

function draw() {
  const said = JSON.stringify([bells.map((bell) => [bell, agoText(bell.last_seen_ms, fresh.now_ms())]), document.documentElement.lang]);
  if (said === drawnAs) return; // a screen reader is not disturbed by what it has read
  drawnAs = said;
  byId("bells").replaceChildren(...bells.map(card));
  byId("none").hidden = bells.length > 0;
}

function card(bell) {
  const state = verdict(bell);
  const places = { ago: agoText(bell.last_seen_ms, fresh.now_ms()), troubles: troubleNames(bell.troubles) };
  const mark = { alarm: "incident", silent: "silent", trouble: "trouble", alive: "ok" }[state];
  const head = make("div", { class: `verdict ${state}` }, symbol(`bell-${mark}`),
    make("div", {}, make("p", { class: "big", text: t(`mine.${state}`) }), make("p", { text: t(`mine.${state}_text`, places) })));
  const place = [bell.address, bell.floor].filter(Boolean).join(" · ");
  return make("article", { class: "panel bell" }, make("h2", { text: bell.name }),
    make("p", { class: "nothing", text: `${place} · ${kindText(bell)}` }), head, test(bell), facts(bell), past(bell));
}

function test(bell) {
  const now_ms = fresh.now_ms();
  const last = bell.last_test;
  const outcome = last && (last.disposition ? known("disposition", last.disposition) : known("test_stage", last.stage));
  const when = last ? t("mine.tested", { ago: agoText(last.at_ms, now_ms), outcome }) : t("mine.not_tested");
  const due = testOverdue(bell, now_ms);
  const how = make("details", {}, make("summary", { text: t("mine.how") }), make("ol", {}, ...STEPS.map((step) => make("li", { text: t(step) }))));
  how.open = unfolded.has(bell.bell_id);
  how.addEventListener("toggle", () => (how.open ? unfolded.add(bell.bell_id) : unfolded.delete(bell.bell_id)));
  return make("section", {}, make("h3", { text: t("mine.test") }), make("p", { text: when }),
    ...(due ? [make("p", { class: "problem", text: t("mine.test_due") })] : []), how);
}

function facts(bell) {
  const rings = bell.rings_at.join(", ") || t("mine.rings_all");
  const pairs = [["battery", batteryText(bell.battery_mv)], ["mains", mainsText(bell.mains)], ["rings", rings]];
  return make("dl", {}, ...pairs.map(([name, text]) => make("div", {}, make("dt", { text: t(`mine.${name}`) }), make("dd", { text }))));
}

function past(bell) {
  const lines = bell.incidents.map((each) => {
    const end = each.handling === "closed" ? known("disposition", each.disposition) : t("mine.handled");
    return make("li", {}, make("time", { text: momentText(each.opened_ms) }), make("span", { text: `${whatText(each.what)} · ${end}` }));
  });
  const list = lines.length > 0 ? make("ul", { class: "past" }, ...lines) : make("p", { class: "nothing", text: t("mine.no_past") });
  return make("section", {}, make("h3", { text: t("mine.past") }), list);
}

await frame(() => {
  draw();
  fresh.draw();
});
await fresh.ask();
