// Every bell in one table: found, filtered and sorted here, drawn in slices, so that thousands of them freeze nothing.

import {
  agoText, batteryText, byUrgency, found, kindText, stateMark, stateOf, testOverdue, troubleNames, wordsOf, STATES,
} from "../common/bells.js";
import { known, make } from "../common/elements.js";
import { frame } from "../common/frame.js";
import { Fresh } from "../common/fresh.js";
import { language, t } from "../common/texts.js";
import { Detail } from "./detail.js";
import { BELLS_MAX, MAY, PressTests } from "./press.js";

// Half of the time after which a bell without heartbeat counts as silent would do; this looks alive.
const EVERY_MS = 10_000;
// A screenful and more; the next slice comes at the press of a button.
const SLICE = 100;
const AGES_EVERY_MS = 1_000;

const byId = (id) => document.getElementById(id);
// when: only on a screen so wide.
const COLUMNS = [
  ...(MAY ? [{ name: "pick", of: null }] : []),
  { name: "state", of: null },
  { name: "bell", of: (bell) => bell.name },
  { name: "kind", of: (bell) => kindText(bell), when: "wide" },
  { name: "area", of: (bell) => bell.site, when: "wide" },
  { name: "last_seen", of: (bell) => bell.last_seen_ms ?? 0 },
  { name: "last_test", of: (bell) => bell.last_test_ms ?? 0, when: "mid" },
  { name: "battery", of: (bell) => bell.health?.bat_mv ?? Infinity, when: "wide" },
  { name: "firmware", of: (bell) => bell.health?.fw ?? "", when: "wide" },
  { name: "trouble", of: (bell) => -bell.troubles.length, when: "mid" },
];

let bells = [];
let shown = [];
let slice = SLICE;
let sorted = { by: "state", down: false };
const rows = new Map(); // bell_id: {row, bell}
const picked = new Set(); // bell_ids, for a press test
const place = (name) => COLUMNS.findIndex((column) => column.name === name);

const fresh = new Fresh("/api/v1/bells", EVERY_MS, take, byId("age"));
const press = new PressTests();
const detail = new Detail(byId("detail"), () => fresh.now_ms(), () => fresh.ask(), press);

function take({ items }) {
  bells = items;
  fillFilters();
  for (const id of [...picked]) if (!bells.some((bell) => bell.bell_id === id && bell.state !== "revoked")) picked.delete(id);
  draw();
  document.body.dataset.drawn = "true";
  if (!detail.open && location.hash.length > 1) choose(location.hash.slice(1));
}

function fillSelect(select, values, textOf, all) {
  const chosen = select.value;
  const options = [["", all], ...values.map((value) => [value, textOf(value)])];
  const same = options.length === select.options.length && options.every(([value, text], at) => select.options[at].value === value && select.options[at].text === text);
  if (same) return;
  select.replaceChildren(...options.map(([value, text]) => make("option", { value, text })));
  select.value = options.some(([value]) => value === chosen) ? chosen : "";
}

const areaOf = (site) => (site.includes("-") ? `${site.slice(0, site.lastIndexOf("-"))}-*` : site);
const distinct = (values) => [...new Set(values)].sort((a, b) => a.localeCompare(b, language));

function fillFilters() {
  const states = [...STATES, "overdue", "unconfirmed", "unproved", "suspended", "revoked"];
  fillSelect(byId("by-state"), states, (state) => t(`bells.only_${state}`), t("bells.all"));
  fillSelect(byId("by-area"), distinct(bells.map((bell) => areaOf(bell.site))), (area) => area, t("bells.all"));
  fillSelect(byId("by-kind"), distinct(bells.map((bell) => bell.kind)), (kind) => known("kind", kind), t("bells.all"));
}

function fits(bell, state, now_ms) {
  if (state === "revoked") return bell.state === "revoked";
  if (bell.state === "revoked") return false;
  if (state === "overdue") return testOverdue(bell, now_ms);
  if (state === "unconfirmed") return bell.confirmed_ms === null;
  if (state === "unproved") return bell.commissioned_ms === null;
  if (state === "suspended") return bell.state === "suspended";
  if (state === "trouble") return bell.troubles.length > 0;
  return state === "" || stateOf(bell) === state;
}

function choice() {
  const words = wordsOf(byId("search").value);
  const [state, area, kind] = ["by-state", "by-area", "by-kind"].map((id) => byId(id).value);
  const now_ms = fresh.now_ms();
  const found_ = bells.filter((bell) =>
    fits(bell, state, now_ms) && (area === "" || areaOf(bell.site) === area) && (kind === "" || bell.kind === kind) && found(bell, words));
  const { of } = COLUMNS.find((column) => column.name === sorted.by);
  const collator = new Intl.Collator(language);
  const compare = of === null ? byUrgency : (a, b) => {
    const [x, y] = [of(a), of(b)];
    return (typeof x === "string" ? collator.compare(x, y) : x - y) || collator.compare(a.name, b.name);
  };
  found_.sort(sorted.down ? (a, b) => compare(b, a) : compare);
  return found_;
}

function draw() {
  shown = choice();
  drawHeads();
  const drawn = shown.slice(0, slice).map(rowOf);
  const body = byId("rows");
  // Only where the order changed: a row that has the focus stays where it is.
  if (drawn.length !== body.children.length || drawn.some((row, at) => body.children[at] !== row)) {
    const focused = document.activeElement?.closest?.("#rows button")?.dataset.bell;
    body.replaceChildren(...drawn);
    if (focused) rows.get(focused)?.row.querySelector("button").focus({ preventScroll: true });
  }
  for (const id of [...rows.keys()]) if (!rows.get(id).row.isConnected) rows.delete(id);
  byId("count").textContent = t("bells.count", { n: shown.length, of: bells.filter((bell) => bell.state !== "revoked").length });
  byId("none").hidden = shown.length > 0;
  byId("more").hidden = shown.length <= slice;
  drawPicked();
  byId("more").textContent = t("bells.more", { n: Math.min(SLICE, shown.length - slice), left: shown.length - slice });
}

function drawPicked() {
  byId("pick-all").hidden = !MAY || shown.length === 0;
  byId("press-picked").hidden = picked.size === 0;
  byId("press-picked").disabled = picked.size > BELLS_MAX;
  byId("press-picked").textContent = picked.size > BELLS_MAX ? t("press.too_many", { n: picked.size, most: BELLS_MAX }) : t("press.picked", { n: picked.size });
}

function drawHeads() {
  byId("heads").replaceChildren(...COLUMNS.map(({ name, when = "" }) => {
    if (name === "pick") return make("th", { scope: "col" }, make("span", { class: "unseen", text: t("press.pick") }));
    const button = make("button", { type: "button", class: "quiet", "data-sort": name, text: t(`bells.${name}`) });
    const head = make("th", { scope: "col", class: when }, button);
    if (sorted.by === name) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
    return head;
  }));
}

function rowOf(bell) {
  const known_ = rows.get(bell.bell_id);
  const row = known_?.row ?? emptyRow(bell);
  rows.set(bell.bell_id, { row, bell });
  const said = cells(bell);
  [...row.children].forEach((cell, at) => {
    const { name } = COLUMNS[at];
    if (name === "pick") {
      const box = cell.firstChild;
      box.checked = picked.has(bell.bell_id);
      box.disabled = bell.state === "revoked";
      box.setAttribute("aria-label", t("press.pick_bell", { name: bell.name }));
    } else if (name === "state") {
      const mark = stateMark(bell);
      if (cell.firstChild?.outerHTML !== mark.outerHTML) cell.replaceChildren(mark);
    } else if (name === "bell") {
      const [button, place] = cell.children;
      if (button.textContent !== bell.name) button.textContent = bell.name;
      const text = [bell.address, bell.floor].filter(Boolean).join(" · ");
      if (place.textContent !== text) place.textContent = text;
    } else if (cell.textContent !== said[name]) cell.textContent = said[name];
  });
  row.children[place("last_test")].classList.toggle("overdue", testOverdue(bell, fresh.now_ms()));
  row.setAttribute("aria-selected", String(detail.bell_id === bell.bell_id));
  return row;
}

function emptyRow(bell) {
  const row = make("tr", {}, ...COLUMNS.map(({ name, when = "" }) => make("td", { class: `${when} col-${name}` })));
  const button = make("button", { type: "button", class: "quiet bell-name", "data-bell": bell.bell_id });
  if (MAY) row.children[place("pick")].append(make("input", { type: "checkbox", "data-pick": bell.bell_id }));
  row.children[place("bell")].append(button, make("small", {}), make("code", { text: bell.bell_id }));
  return row;
}

function cells(bell) {
  const now_ms = fresh.now_ms();
  const overdue = testOverdue(bell, now_ms);
  const tested = agoText(bell.last_test_ms, now_ms);
  return {
    kind: kindText(bell), area: bell.site, last_seen: agoText(bell.last_seen_ms, now_ms),
    last_test: overdue ? t("bells.overdue", { when: tested }) : tested,
    battery: batteryText(bell.health?.bat_mv), firmware: bell.health?.fw ?? "–", trouble: troubleNames(bell.troubles) || "–",
  };
}

// Ages run on between two answers.
function tick() {
  for (const { row, bell } of rows.values()) {
    const text = agoText(bell.last_seen_ms, fresh.now_ms());
    const cell = row.children[place("last_seen")];
    if (cell.textContent !== text) cell.textContent = text;
  }
}

function choose(bell_id) {
  detail.show(bell_id);
  for (const [id, { row }] of rows) row.setAttribute("aria-selected", String(id === bell_id));
}

byId("rows").addEventListener("click", (event) => {
  if (event.target.closest(".col-pick")) return;
  const id = event.target.closest("tr")?.querySelector("[data-bell]")?.dataset.bell;
  if (id) choose(id);
});
byId("rows").addEventListener("change", (event) => {
  const id = event.target.dataset.pick;
  if (event.target.checked) picked.add(id);
  else picked.delete(id);
  drawPicked();
});
byId("pick-all").addEventListener("click", () => {
  const all = shown.filter((bell) => bell.state !== "revoked").map((bell) => bell.bell_id);
  const every = all.every((id) => picked.has(id));
  for (const id of all) if (every) picked.delete(id);
    else picked.add(id);
  draw();
});
byId("press-picked").addEventListener("click", () => {
  const one = bells.find((bell) => picked.has(bell.bell_id));
  press.ask([...picked], one.name);
});
press.onChange = (over) => {
  detail.drawPress();
  if (!over) return;
  fresh.ask();
  detail.again();
};
press.onBegun = () => {
  picked.clear();
  draw();
};
byId("rows").addEventListener("keydown", (event) => {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const next = step && event.target.closest("tr")?.[step];
  if (!next) return;
  next.querySelector("button").focus();
  event.preventDefault();
});
byId("heads").addEventListener("click", (event) => {
  const by = event.target.closest("button")?.dataset.sort;
  if (!by) return;
  sorted = { by, down: sorted.by === by && !sorted.down };
  draw();
  byId("heads").querySelector(`[data-sort="${by}"]`).focus();
});
byId("more").addEventListener("click", () => {
  const first = slice;
  slice += SLICE;
  draw();
  byId("rows").children[first]?.querySelector("button").focus();
});
byId("filters").addEventListener("input", () => {
  slice = SLICE;
  draw();
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
detail.onClose = (bell_id) => {
  for (const { row } of rows.values()) row.setAttribute("aria-selected", "false");
  (rows.get(bell_id)?.row.querySelector("button") ?? byId("search")).focus();
};

await frame(() => {
  fillFilters();
  fresh.draw();
  draw();
  press.draw();
  detail.draw();
});
await fresh.ask();
press.follow();
setInterval(tick, AGES_EVERY_MS);
