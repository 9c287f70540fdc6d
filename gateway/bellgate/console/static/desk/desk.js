// The dispatcher's page: joins the stream, the cards, the sound and the keys.

import { get, post } from "../common/api.js";
import { lineText, make, whatText } from "../common/elements.js";
import { RIGHTS, frame, me } from "../common/frame.js";
import { Live } from "../common/live.js";
import { clock, span, t } from "../common/texts.js";
import { Troubles } from "../common/troubles.js";
import { Board } from "./board.js";
import { ACTIONS, unattended } from "./card.js";
import { anyOpen, askDisposition, askText } from "./dialogs.js";
import { Red } from "./red.js";
import { Sound } from "./sound.js";
import { Watch } from "./watch.js";

const TICK_MS = 250;
// While nobody holds an alarm, it sounds again; and so does a lost connection.
const REMIND_EVERY_MS = 5_000;
const RECENTLY_CLOSED = 5;

const byId = (id) => document.getElementById(id);
// From the gateway's own table: {handling: [action, …]}.
const POSSIBLE = JSON.parse(document.body.dataset.actions);

const sound = new Sound();
const troubles = new Troubles(byId("troubles"), byId("trouble-count"), byId("no-trouble"));
let closed = [];
let remindedAt = -Infinity;
let linkBefore = "";

const page = {
  me,
  now_ms: () => live.now_ms(),
  may: (action, incident) => RIGHTS.has("command") && live.fresh && page.possible(action, incident),
  possible(action, incident) {
    if (!POSSIBLE[incident.handling]?.includes(action)) return false;
    const mine = incident.owner === me;
    if (action === "acknowledge") return unattended(incident) || mine || incident.owner === null;
    if (action === "handoff") return mine || incident.offered_to === me;
    return true;
  },
  do: act,
  select: (card) => board.select(card),
  record: showRecord,
};
const board = new Board(page, { real: byId("cards"), test: byId("tests") });
const live = new Live({ snapshot, incident: changed, trouble, signedOut });
const watch = new Watch(sound, live, board, RIGHTS.has("present"));
const red = new Red(live, watch);

function snapshot(data) {
  board.replace(data.incidents);
  troubles.replace(data.troubles);
  if (board.anyUnattended) ring();
  drawCounts();
  document.body.dataset.drawn = "true"; // everything that was there when the page opened
}

function changed({ change, incident, sound: sounds }) {
  const isNew = board.get(incident.id) === null;
  const card = board.put(incident);
  if (card && isNew && !incident.test) announce(incident);
  if (sounds && !incident.test) ring();
  if (!card) rememberClosed(incident);
  else if (change === "reopen") closed = closed.filter((each) => each.id !== incident.id);
  if (card?.record.open) showRecord(card);
  drawClosed();
  drawCounts();
}

// Once per new alarm: a screen reader must not repeat it with every second of its age.
function announce(incident) {
  byId("announce").textContent = t("announce", {
    what: whatText(incident.what), name: incident.name, address: incident.address,
  });
}

function ring() {
  sound.alarm();
  remindedAt = performance.now();
}

async function act(action, card) {
  const { incident } = card;
  if (card.saving !== null || !page.may(action, incident)) return;
  const body = { version: incident.version };
  const title = t("dialog.title", { action: t(`action.${action}`), name: incident.name });
  if (action === "close") {
    body.disposition = await askDisposition(title);
    if (body.disposition === null) return;
  } else if (action === "note") {
    body.text = await askText(title, t("note.label"), 2000);
    if (body.text === null) return;
  } else if (action === "handoff") {
    if (incident.offered_to === me) body.accept = true;
    else body.to = await askText(title, t("handoff.label"), 64);
    if (body.to === null) return;
  }
  card.startSaving(action);
  const answer = await post(`/api/v1/incidents/${incident.id}/${action}`, body);
  settle(action, card, answer);
}

// The gateway's answer, or the lack of one. A 409 brings the incident as it is now: say what changed, and by whom.
function settle(action, card, { status, body }) {
  const places = { action: t(`action.${action}`) };
  if (status === 200) {
    card.endSaving();
    board.put(body);
    if (body.handling === "closed") rememberClosed(body);
  } else if (status === 409 && body?.error.incident) {
    const now = body.error.incident;
    const last = now.timeline.filter((line) => !["presented", "note", "escalated"].includes(line.act)).at(-1);
    card.endSaving(() => t(`refused.${body.error.code}`, { action: t(`action.${action}`), line: last ? lineText(last) : "" }));
    board.put(now);
  } else if (status === 401) {
    card.endSaving();
    live.stop();
  } else {
    const key = { 0: "refused.no_answer", 403: "refused.forbidden", 503: "refused.busy" }[status] ?? "refused.other";
    card.endSaving(() => t(key, { ...places, message: body?.error?.message ?? "" }));
  }
  if (card.record.open) showRecord(card);
  drawClosed();
  drawCounts();
}

async function showRecord(card) {
  if (!card.record.open) return;
  const { status, body } = await get(`/api/v1/incidents/${card.incident.id}`);
  if (status !== 200) return;
  const lines = body.timeline.map((line) => {
    const text = line.detail?.text;
    return make("li", { text: text ? `${lineText(line)}: ${text}` : lineText(line) });
  });
  card.record.lastChild.replaceChildren(...lines);
}

// sound: an alarm that the disk did not take; it has no incident, so this line is all there is to see of it.
function trouble(told) {
  if (told.sound) sound.alarm();
  troubles.take(told);
}

function rememberClosed(incident) {
  closed = [incident, ...closed.filter((each) => each.id !== incident.id)].slice(0, RECENTLY_CLOSED);
}

function drawClosed() {
  byId("closed-lane").hidden = closed.length === 0;
  byId("closed").replaceChildren(...closed.map((incident) => {
    const what = `${t(`disposition.${incident.disposition}`)} · ${clock(incident.closed_ms)}`;
    const item = make("li", {}, make("strong", { text: incident.name }), make("small", { text: what }));
    if (RIGHTS.has("command")) {
      const button = make("button", { type: "button", class: "quiet", text: t("action.reopen") });
      button.addEventListener("click", () => reopen(incident, button));
      item.append(button);
    }
    return item;
  }));
}

async function reopen(incident, button) {
  button.disabled = true;
  const { status, body } = await post(`/api/v1/incidents/${incident.id}/reopen`, { version: incident.version });
  if (status === 200) {
    closed = closed.filter((each) => each.id !== incident.id);
    board.put(body);
    drawClosed();
    drawCounts();
  } else {
    button.disabled = false;
    button.textContent = t("refused.reopen");
  }
}

function drawCounts() {
  const open = board.real.length;
  const waiting = board.real.filter((card) => unattended(card.incident)).length;
  byId("open-count").textContent = open;
  byId("test-count").textContent = board.tests.length;
  byId("no-test").hidden = board.tests.length > 0;
  byId("calm").hidden = open > 0 || !live.greeted;
  document.title = waiting ? t("title.waiting", { n: waiting, brand: t("brand") }) : t("brand");
}

function signedOut() {
  document.body.dataset.signedOut = "true";
  drawLink();
}

function drawLink() {
  const over = "signedOut" in document.body.dataset;
  const state = over ? "over" : live.fresh ? "fresh" : live.lost ? "lost" : "connecting";
  document.body.dataset.link = state;
  byId("link-text").textContent = state === "lost" ? t("link.silent", { span: span(live.silent_ms) }) : t(`link.${state}`);
  if (state !== linkBefore) {
    linkBefore = state; // buttons work only while the picture is fresh
    for (const card of board.cards.values()) card.update(card.incident);
  }
}

function tick() {
  sound.check();
  live.check();
  drawLink();
  watch.check();
  red.draw();
  drawAsking();
  const now = performance.now();
  if (now - remindedAt >= REMIND_EVERY_MS) {
    if (watch.started && red.reason !== "") sound.lost();
    else if (board.anyUnattended || watch.asks_ms !== null) sound.remind();
    remindedAt = now;
  }
  for (const card of board.cards.values()) card.tick();
  byId("clock").textContent = clock(live.now_ms());
}

// Nobody has touched anything for long: a key is enough, and the gateway goes on counting on this page.
function drawAsking() {
  const left = watch.asks_ms;
  byId("asking").hidden = left === null || red.reason !== "";
  if (left !== null) byId("asking-text").textContent = t("asking.text", { span: span(left) });
}

// Ends the watch. false: something is open that nobody else would see to; the page says what.
async function endWatch() {
  const { status, body } = await watch.end();
  const problem = byId("watch-problem");
  problem.hidden = status === 200;
  if (status !== 200) problem.textContent = status === 409 ? t("watch.end_refused", { message: body.error.message }) : t("refused.no_answer");
  return status === 200;
}

function byKey(event) {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.isComposing || anyOpen()) return;
  if (event.target.closest?.("input, textarea, select")) return;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  const wanted = ACTIONS.find(({ code }) => code === event.code);
  if (digit) {
    const card = board.inSlot(Number(digit[1]));
    if (!card) return;
    board.select(card);
    card.element.focus({ preventScroll: true });
    card.element.scrollIntoView({ block: "nearest" });
  } else if (wanted && board.selected) {
    act(wanted.action, board.selected);
  } else {
    return;
  }
  event.preventDefault();
}

// Everything anew, in the language that is chosen now.
function draw() {
  drawLink();
  watch.draw();
  red.draw();
  for (const card of board.cards.values()) {
    card.update(card.incident);
    if (card.record.open) showRecord(card);
  }
  troubles.draw();
  drawClosed();
  drawCounts();
}

addEventListener("keydown", byKey);

byId("watch-end").addEventListener("click", endWatch);
await frame(draw, endWatch);
live.open();
setInterval(tick, TICK_MS);
tick();
