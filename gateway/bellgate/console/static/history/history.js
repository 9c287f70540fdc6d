// Searching incidents. What is asked stands in the page's address, so that the way back leads to the same list.

import { get } from "../common/api.js";
import { known, make, symbol, whatText } from "../common/elements.js";
import { frame } from "../common/frame.js";
import { language, t } from "../common/texts.js";
import { filled, moment, number } from "../figures/format.js";

const byId = (id) => document.getElementById(id);
const WHATS = ["duress", "holdup", "panic", "medical", "intrusion", "checkin_missed", "tamper", "test"];
const HANDLINGS = ["received", "presented", "acknowledged", "dispatched", "en_route", "on_scene", "cleared", "closed"];
const DISPOSITIONS = ["genuine", "accidental", "prank", "device_fault", "test", "duplicate", "nobody_found"];
const COLUMNS = ["number", "opened", "what", "place", "handling", "owner", "signals"];
// Names that were seen on the way, to choose from.
const NAMES_MAX = 50;

const form = byId("search");
let items = [];
let next = null;
let asked = {};
let state = "waiting";
let message = "";
let running = 0;

const query = (more = {}) => new URLSearchParams({ ...asked, ...more });

function choices(id, any, options) {
  const select = byId(id);
  const chosen = select.options.length ? select.value : (new URLSearchParams(location.search).get(id) ?? "");
  select.replaceChildren(make("option", { value: "", text: any }), ...options.map(([value, text]) => make("option", { value, text })));
  select.value = chosen;
}

function row(one) {
  const drawn = document.getElementById(`what-${one.what}`) ? one.what : "other";
  const what = make("span", { class: "what" }, symbol(`what-${drawn}`), make("span", { text: whatText(one.what) }));
  const cell = (...inside) => make("td", {}, ...inside);
  const place = cell(make("strong", { text: one.name }), make("small", { text: one.address }), make("small", { text: `${one.site} · ${one.bell_id}` }));
  const handling = cell(make("span", { text: known("handling", one.handling) }));
  if (one.disposition) handling.append(make("small", { text: known("disposition", one.disposition) }));
  if (one.test && one.what !== "test") what.append(make("span", { class: "tag", text: t("history.is_test") }));
  return make(
    "tr",
    {},
    cell(make("a", { href: `/incidents/${one.id}`, text: one.id, "aria-label": t("whole.title", { id: one.id }) })),
    make("td", { class: "when", text: moment(one.opened_ms) }),
    cell(what),
    place,
    handling,
    make("td", { text: one.owner ?? "" }),
    make("td", { class: "number", text: one.signal_count }),
  );
}

function draw() {
  choices("what", t("history.any"), WHATS.map((one) => [one, whatText(one)]));
  choices("handling", t("history.any"), HANDLINGS.map((one) => [one, t(`handling.${one}`)]));
  choices("disposition", t("history.any"), DISPOSITIONS.map((one) => [one, t(`disposition.${one}`)]));
  choices("test", t("history.any"), [["false", t("history.only_real")], ["true", t("history.only_tests")]]);
  byId("head").replaceChildren(make("tr", {}, ...COLUMNS.map((one) => make("th", { scope: "col", class: one === "signals" ? "number" : "", text: t(`column.${one}`) }))));
  byId("rows").replaceChildren(...items.map(row));
  const names = [...new Set(items.map((one) => one.owner).filter(Boolean))].slice(0, NAMES_MAX);
  byId("people").replaceChildren(...names.map((value) => make("option", { value })));
  byId("found").hidden = items.length === 0;
  byId("found").setAttribute("aria-label", t("history.table"));
  byId("more").hidden = next === null;
  byId("csv").href = `/api/v1/history.csv?${query({ language })}`;
  const shown = items.length ? `${t("history.shown", { n: number(items.length) })} ${next === null ? t("history.end") : ""}` : t("history.none");
  const told = { waiting: t("history.waiting"), failed: t("history.failed"), refused: t("history.refused", { message }), shown };
  byId("said").textContent = told[state].trim();
  byId("said").classList.toggle("problem", state === "failed" || state === "refused");
}

// older: the page after those that are shown; otherwise anew.
async function search(older = false) {
  const turn = ++running;
  state = "waiting";
  if (!older) [items, next] = [[], null];
  draw();
  const { status, body } = await get(`/api/v1/history?${query(older ? { before: next } : {})}`);
  if (turn !== running) return; // something else was asked meanwhile
  if (status === 200) {
    const from = items.length;
    items = [...items, ...body.items];
    next = body.next;
    state = "shown";
    draw();
    if (older) byId("rows").children[from]?.querySelector("a").focus();
  } else {
    state = body?.error ? "refused" : "failed";
    message = body?.error?.message ?? "";
    draw();
  }
  document.body.dataset.drawn = "true";
}

function ask() {
  asked = filled(form);
  history.replaceState(null, "", Object.keys(asked).length ? `?${query()}` : location.pathname);
  search();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
byId("reset").addEventListener("click", () => {
  form.reset();
  for (const select of form.querySelectorAll("select")) select.value = "";
  for (const input of form.querySelectorAll("input")) input.value = "";
  ask();
  byId("q").focus();
});
byId("more").addEventListener("click", () => search(true));

for (const [name, value] of new URLSearchParams(location.search)) {
  const field = form.elements[name];
  if (field?.tagName === "INPUT") field.value = value;
}
await frame(draw);
ask();
