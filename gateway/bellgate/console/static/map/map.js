// Bells on real districts, without the internet. The list beside the map says the same, and works without it.

import { get } from "../common/api.js";
import { agoText, byUrgency, found, kindText, stateMark, stateOf, troubleNames, wordsOf } from "../common/bells.js";
import { make } from "../common/elements.js";
import { RIGHTS, frame } from "../common/frame.js";
import { Fresh } from "../common/fresh.js";
import { Live } from "../common/live.js";
import { t } from "../common/texts.js";

const EVERY_MS = 10_000;
// After an incident or a trouble; many of them at once are one question.
const SOON_MS = 500;
const SLICE = 100;

const byId = (id) => document.getElementById(id);
let bells = [];
let slice = SLICE;
let chosen = null;
let places = null; // the map; null where it can't be drawn
let soon = 0;

const fresh = new Fresh("/api/v1/bells", EVERY_MS, take, byId("age"));

function take({ items }) {
  bells = items.filter((bell) => bell.state === "active").sort(byUrgency);
  draw();
}

function matching() {
  const words = wordsOf(byId("search").value);
  return words.length === 0 ? bells : bells.filter((bell) => found(bell, words));
}

function draw() {
  const shown = matching();
  drawList(shown);
  places?.show(shown, chosen);
  byId("count").textContent = t("bells.count", { n: shown.length, of: bells.length });
  byId("none").hidden = shown.length > 0;
  byId("more").hidden = shown.length <= slice;
  byId("more").textContent = t("map.more", { n: Math.min(SLICE, shown.length - slice) });
}

function drawList(shown) {
  const focused = document.activeElement?.closest?.("#list button")?.dataset.bell;
  byId("list").replaceChildren(...shown.slice(0, slice).map((bell) => {
    const where = [bell.address, bell.floor].filter(Boolean).join(" · ");
    const button = make("button", { type: "button", class: `one ${stateOf(bell)}`, "data-bell": bell.bell_id },
      stateMark(bell), make("strong", { text: bell.name }), make("span", { text: bell.lat === null ? `${where} · ${t("map.no_place")}` : where }));
    if (bell.troubles.length > 0) button.append(make("span", { text: troubleNames(bell.troubles) }));
    button.setAttribute("aria-pressed", String(bell.bell_id === chosen));
    const item = make("li", {}, button);
    if (bell.bell_id === chosen) item.append(more(bell));
    return item;
  }));
  if (focused) byId("list").querySelector(`[data-bell="${focused}"]`)?.focus({ preventScroll: true });
}

function more(bell) {
  const heard = `${t("bells.last_seen")}: ${agoText(bell.last_seen_ms, fresh.now_ms())}`;
  const notes = [bell.entrance, bell.approach].filter(Boolean).join(" · ");
  return make("div", { class: "about" }, make("p", { text: `${kindText(bell)} · ${heard}` }),
    ...(notes ? [make("p", { text: notes })] : []), make("a", { href: `/bells#${bell.bell_id}`, text: t("map.open") }));
}

function choose(bell_id, { scroll = false } = {}) {
  chosen = bell_id;
  const shown = matching();
  const at = shown.findIndex((bell) => bell.bell_id === bell_id);
  slice = Math.max(slice, at + 1);
  draw();
  const bell = shown[at];
  if (bell && bell.lat !== null) places?.go(bell, chosen, shown);
  if (scroll) byId("list").querySelector(`[data-bell="${bell_id}"]`)?.scrollIntoView({ block: "nearest" });
}

byId("list").addEventListener("click", (event) => {
  const id = event.target.closest("[data-bell]")?.dataset.bell;
  if (id) choose(id);
});
byId("search").addEventListener("input", () => {
  slice = SLICE;
  draw();
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("more").addEventListener("click", () => {
  const first = slice;
  slice += SLICE;
  draw();
  byId("list").children[first]?.querySelector("button").focus();
});

async function drawMap() {
  try {
    const [{ Places }, boundaries, streets] = await Promise.all([
      import("./places.js"), fetch("/map/boundaries.geojson").then((answer) => answer.json()), get("/api/v1/map"),
    ]);
    places = new Places(byId("map"), boundaries, streets.body?.streets ?? null, (bell_id) => choose(bell_id, { scroll: true }));
    byId("zoom-in").addEventListener("click", () => places.zoom(1));
    byId("zoom-out").addEventListener("click", () => places.zoom(-1));
    byId("zoom-all").addEventListener("click", () => places.all(matching()));
    if (streets.body?.attribution) {
      delete byId("boundaries-attribution").dataset.t;
      byId("boundaries-attribution").textContent = streets.body.attribution;
    }
    byId("streets-attribution").textContent = streets.body?.streets?.attribution ?? "";
    const problem = streets.body?.problem ?? "";
    byId("streets-problem").hidden = problem === "";
    byId("streets-problem").textContent = problem && t("map.no_streets", { problem });
    places.all(bells);
    document.body.dataset.map = "drawn";
  } catch {
    document.body.dataset.map = "failed";
  }
  const failed = document.body.dataset.map === "failed";
  byId("failed").hidden = !failed;
  byId("map").hidden = failed;
  document.querySelector(".zoom").hidden = failed;
}

function follow() {
  const changed = () => {
    clearTimeout(soon);
    soon = setTimeout(() => fresh.ask(), SOON_MS);
  };
  const live = new Live({ snapshot: () => {}, incident: changed, trouble: changed, signedOut: () => location.assign("/sign-in") });
  live.open();
  setInterval(() => live.check(), 1_000);
}

await frame(() => {
  fresh.draw();
  draw();
  byId("place").setAttribute("aria-label", t("map.label"));
});
await fresh.ask();
await drawMap();
draw();
document.body.dataset.drawn = "true";
if (RIGHTS.has("read")) follow();
