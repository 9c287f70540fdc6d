// The dispatcher's page: joins the stream, the cards, the sound and the keys.

import { get } from "../common/api.js";
import { lineText, make } from "../common/elements.js";
import { RIGHTS, frame, me } from "../common/frame.js";
import { Live } from "../common/live.js";
import { clock, span, t } from "../common/texts.js";
import { Troubles } from "../common/troubles.js";
import { possible, unattended } from "./actions.js";
import { Announcer } from "./announcer.js";
import { Background } from "./background.js";
import { Board } from "./board.js";
import { Closed } from "./closed.js";
import { Keys } from "./keys.js";
import { Notice } from "./notice.js";
import { Red } from "./red.js";
import { say } from "./row.js";
import { Sound } from "./sound.js";
import { Waiting } from "./waiting.js";
import { Watch } from "./watch.js";
import { Work } from "./work.js";

const TICK_MS = 250;
// While nobody holds an alarm, it sounds again; and so does a lost connection.
const REMIND_EVERY_MS = 5_000;
// As long as the alarm sounds; one that comes meanwhile is heard in it.
const ALARM_MS = 1_700;
// A page that is not painted still takes what comes.
const FRAME_AT_MOST_MS = 100;
const PLANS_EVERY_MS = 60_000; // shifts begin and end at full minutes
const RECORD_EVERY_MS = 1_000;

const byId = (id) => document.getElementById(id);
// From the gateway's own table: {handling: [action, …]}.
const POSSIBLE = JSON.parse(document.body.dataset.actions);

const sound = new Sound();
const troubles = new Troubles(byId("troubles"), byId("trouble-count"), byId("no-trouble"));
let remindedAt = -Infinity;
let rangAt = -Infinity;
let title = document.title;
let askedPlansAt = -Infinity;
let othersWatch = false;
let pending = []; // changes that the next frame shows
let frameAsked = false;
let linkBefore = "";

const page = {
  me,
  now_ms: () => live.now_ms(),
  may: (action, incident) => RIGHTS.has("command") && live.fresh && page.possible(action, incident),
  unsendable: (action, incident) => RIGHTS.has("command") && !live.fresh && page.possible(action, incident),
  possible: (action, incident) => possible(POSSIBLE, action, incident, me),
  do: (action, card) => work.do(action, card),
  select: (card) => board.select(card),
  record: showRecord,
  plans: {},
  get watched() {
    return watch.attending || othersWatch;
  },
  lease_ms: 180_000,
};
const board = new Board(page, { real: byId("cards"), test: byId("tests") });
const live = new Live({ snapshot, incident: changed, trouble, signedOut });
const watch = new Watch(sound, live, board, RIGHTS.has("present"));
const red = new Red(live, watch);
const announcer = new Announcer(byId("announce"));
const background = new Background();
const notice = new Notice();
const closed = new Closed(RIGHTS.has("command"), (incident) => work.reopen(incident));
const work = new Work(page, board, closed, notice, { after: show, over: () => live.stop() });
const keys = new Keys(board, page, {
  reopen: () => RIGHTS.has("command") && work.askReopen(),
  dismiss: () => notice.dismiss() || Boolean(board.selected?.dismiss()),
});
const waiting = new Waiting(board, (card) => keys.go(card));

function snapshot(data) {
  flush();
  page.plans = data.plans;
  othersWatch = data.watched;
  page.lease_ms = data.lease_ms;
  askedPlansAt = performance.now();
  const added = board.replace(data.incidents);
  announcer.add(added.filter(unattended));
  troubles.replace(data.troubles);
  if (board.anyUnattended) ring();
  drawCounts();
  document.body.dataset.drawn = "true"; // everything that was there when the page opened
}

// The sound at once; what is seen with the next frame, however many came since the last one.
function changed(event) {
  if (event.sound && !event.incident.test) ring();
  pending.push(event);
  if (frameAsked) return;
  frameAsked = true;
  requestAnimationFrame(flush);
  setTimeout(flush, FRAME_AT_MOST_MS);
}

function flush() {
  frameAsked = false;
  if (pending.length === 0) return;
  const events = pending;
  pending = [];
  const added = new Map();
  for (const { incident } of events) {
    const isNew = board.get(incident.id) === null;
    const card = board.take(incident);
    if (card && isNew) added.set(incident.id, incident);
    if (card) closed.forget(incident.id);
    else closed.keep(incident);
    if (card?.record?.open) showRecord(card);
  }
  board.settle();
  announcer.add([...added.values()].filter((incident) => board.get(incident.id)));
  drawCounts();
}

// What the gateway answered, in its place.
function show(incident) {
  const card = board.put(incident);
  if (card) closed.forget(incident.id);
  else closed.keep(incident);
  if (card?.record?.open) showRecord(card);
  drawCounts();
}

function ring() {
  remindedAt = performance.now();
  if (remindedAt - rangAt < ALARM_MS) return;
  rangAt = remindedAt;
  sound.alarm();
}

async function showRecord(card) {
  if (!card.record?.open || card.recordAsked) return;
  card.recordAsked = true; // in a storm once a second is enough
  setTimeout(() => {
    card.recordAsked = false;
    if (card.recordOf !== card.incident.version) showRecord(card);
  }, RECORD_EVERY_MS);
  card.recordOf = card.incident.version;
  const { status, body } = await get(`/api/v1/incidents/${card.incident.id}`);
  if (status !== 200 || !card.record) return;
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

function drawCounts() {
  const real = board.real;
  const open = real.length;
  const unheld = real.filter((card) => unattended(card.incident)).length;
  say(byId("open-count"), open);
  say(byId("test-count"), board.tests.length);
  byId("no-test").hidden = board.tests.length > 0;
  byId("calm").hidden = open > 0 || !live.greeted;
  title = unheld ? t("title.waiting", { n: unheld, brand: t("brand") }) : t("brand");
}

function signedOut() {
  document.body.dataset.signedOut = "true";
  drawLink();
  red.draw();
}

function drawLink() {
  const over = "signedOut" in document.body.dataset;
  const state = over ? "over" : live.fresh ? "fresh" : live.lost ? "lost" : "connecting";
  document.body.dataset.link = state;
  byId("link-text").textContent = state === "lost" ? t("link.silent", { span: span(live.silent_ms) }) : t(`link.${state}`);
  if (state !== linkBefore) {
    linkBefore = state; // buttons work only while the picture is fresh
    for (const card of board.cards.values()) card.redraw();
  }
}

async function refreshPlans() {
  askedPlansAt = performance.now();
  const { status, body } = await get("/api/v1/plans");
  if (status !== 200) return;
  page.plans = body.plans;
  othersWatch = body.watched;
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
  if (document.title !== title) document.title = title; // costly, and nobody reads it more often than this
  board.age();
  for (const card of board.cards.values()) if (card.near) card.tick();
  background.check(board.full);
  waiting.draw();
  if (live.fresh && now - askedPlansAt >= PLANS_EVERY_MS) refreshPlans();
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

// Everything anew, in the language that is chosen now.
function draw() {
  drawLink();
  watch.draw();
  red.draw();
  for (const card of board.cards.values()) {
    card.redraw();
    if (card.record?.open) showRecord(card);
  }
  closed.draw();
  notice.draw();
  troubles.draw();
  drawCounts();
}

byId("help").addEventListener("click", () => keys.help());

byId("watch-end").addEventListener("click", endWatch);
await frame(draw, endWatch);
live.open();
setInterval(tick, TICK_MS);
tick();
