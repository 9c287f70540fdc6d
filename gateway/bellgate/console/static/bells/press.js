// Press tests: begun here for one bell or many, followed as they go, and shown to have arrived.

import { get, post } from "../common/api.js";
import { momentText } from "../common/bells.js";
import { known, make } from "../common/elements.js";
import { RIGHTS } from "../common/frame.js";
import { clock, span, t } from "../common/texts.js";

// As the gateway takes them at most; nobody presses more within a quarter of an hour.
export const BELLS_MAX = 50;
// While nothing runs, somebody else may begin; while something does, the gateway answers as soon as it goes on.
const EVERY_MS = 5_000;
const WAIT_S = 20;
const PATH = "/api/v1/press-tests";
const CONSOLE = `bells-${Math.random().toString(16).slice(2, 6)}`;

const byId = (id) => document.getElementById(id);
export const MAY = RIGHTS.has("press_test");

const runs = (test) => test.ended_ms === null;

export class PressTests {
  #items = [];
  #seen = null;
  #round = 0; // a question that was overtaken by a new test counts for nothing
  #offset_ms = 0;
  #dismissed = new Set();
  #shown = new Set();
  #said = new Map();
  #timer = 0;
  #asked = []; // whom the dialog is about
  onChange = () => {}; // called with true when one is over
  onBegun = () => {};

  constructor() {
    byId("press-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin();
    });
    byId("press-cancel").addEventListener("click", () => byId("press-dialog").close());
    byId("press-hide").addEventListener("click", () => {
      for (const test of this.#items) if (!runs(test)) this.#dismissed.add(test.id);
      this.draw();
    });
    setInterval(() => this.#tick(), 1_000);
    document.addEventListener("visibilitychange", () => this.#present());
  }

  of(bell_id) {
    return this.#items.find((test) => test.bell_id === bell_id && !this.#dismissed.has(test.id)) ?? null;
  }

  now_ms() {
    return Date.now() + this.#offset_ms;
  }

  // Ask for as long as the page is open.
  async follow() {
    clearTimeout(this.#timer);
    const round = ++this.#round;
    const waits = this.#seen !== null && this.#items.some(runs);
    const path = waits ? `${PATH}?seen=${this.#seen}&wait_s=${WAIT_S}` : PATH;
    const { status, body } = await get(path, (WAIT_S + 10) * 1_000);
    if (round !== this.#round) return;
    if (status === 200) this.#take(body);
    const quick = status === 200 && this.#items.some(runs);
    this.#timer = setTimeout(() => this.follow(), quick ? 0 : EVERY_MS);
  }

  #take({ items, seen, now_ms }) {
    const ran = new Set(this.#items.filter(runs).map((test) => test.id));
    const over = items.some((test) => ran.has(test.id) && !runs(test));
    this.#items = items;
    this.#seen = seen;
    this.#offset_ms = now_ms - Date.now();
    this.draw();
    this.#present();
    this.onChange(over);
  }

  draw() {
    const items = this.#items.filter((test) => !this.#dismissed.has(test.id));
    byId("press").hidden = items.length === 0;
    byId("press-hide").hidden = items.some(runs);
    const passed = items.filter((test) => test.verdict === "passed").length;
    byId("press-count").textContent = t("press.count", { n: passed, of: items.length });
    byId("press-list").replaceChildren(...items.map((test) => make("li", {}, make("h3", { text: test.name }), this.view(test))));
    this.#say(items);
  }

  // One test as far as it has come; on the list and beside the bell.
  view(test) {
    const verdict = test.verdict === null ? [] : [verdictOf(test)];
    const end = make("button", { type: "button", class: "quiet", text: t("press.end") });
    end.addEventListener("click", async () => {
      end.disabled = true;
      await post(`${PATH}/${test.id}/end`);
      this.follow();
    });
    const tools = runs(test) && MAY ? [make("p", { class: "row" }, end)] : [];
    const view = make("div", { class: "press-test", "data-test": test.id, "data-state": test.state });
    view.append(make("ol", { class: "rungs" }, ...rungsOf(test, this.now_ms())), ...verdict, ...tools);
    return view;
  }

  // What has changed, once, for whoever does not look.
  #say(items) {
    const said = items.map((test) => [test, test.verdict ?? test.state]).filter(([test, state]) => this.#said.get(test.id) !== state);
    for (const [test, state] of said) this.#said.set(test.id, state);
    if (said.length > 0) byId("press-said").textContent = said.map(([test]) => `${test.name}: ${stateText(test)}`).join(". ");
  }

  #tick() {
    for (const left of document.querySelectorAll("[data-until]")) left.textContent = leftText(Number(left.dataset.until), this.now_ms());
  }

  // A press that is on the screen was presented: only after it was painted, and only on a page that can be seen.
  #present() {
    if (!MAY || document.visibilityState !== "visible") return;
    for (const { id, state } of this.#items) {
      if (state !== "pressed" || this.#shown.has(id)) continue;
      this.#shown.add(id);
      requestAnimationFrame(() => requestAnimationFrame(async () => {
        const { status } = await post(`${PATH}/${id}/presented`, { console: CONSOLE });
        if (status === 0 || status >= 500) this.#shown.delete(id);
      }));
    }
  }

  // bells: their ids; name: of the first one.
  ask(bells, name) {
    this.#asked = bells;
    byId("press-whom").textContent = bells.length === 1 ? name : t("press.whom", { n: bells.length });
    byId("press-problem").hidden = true;
    byId("press-dialog").showModal();
    byId("press-minutes").select();
  }

  async #begin() {
    const start = byId("press-start");
    start.disabled = true;
    const minutes = Number(byId("press-minutes").value);
    const { status, body } = await post(PATH, { bells: this.#asked, minutes });
    start.disabled = false;
    if (status !== 201) {
      byId("press-problem").textContent = t(status === 0 || status === 503 ? "press.no_answer" : "press.not_begun");
      byId("press-problem").hidden = false;
      return;
    }
    for (const { id } of body.items) this.#dismissed.delete(id);
    byId("press-dialog").close();
    this.onBegun();
    await this.follow();
    byId("press").scrollIntoView({ block: "nearest" });
  }
}

const leftText = (until_ms, now_ms) => t("press.left", { span: span(Math.max(0, until_ms - now_ms)) });
const ms = (from, to) => (from === null || to === null ? "" : t("press.ms", { ms: Math.max(0, to - from) }));

function stateText(test) {
  return test.verdict === null ? known("press_state", test.state) : known("press_verdict", test.verdict);
}

// Each step with what the gateway knows of it in milliseconds; none compares two clocks.
function rungsOf(test, now_ms) {
  const steps = [["sent", test.tries === 0 ? null : test.begun_ms, clock(test.begun_ms)], ["confirmed", test.confirmed_ms, ms(test.begun_ms, test.confirmed_ms)]];
  const way = [
    test.age_ms === null ? "" : t("press.at_bell", { ms: test.age_ms }),
    test.stored_ms === null ? "" : t("press.stored_in", { ms: Math.max(0, test.stored_ms - test.pressed_ms) }),
  ];
  steps.push(["pressed", test.pressed_ms, way.filter(Boolean).join(" · ")]);
  steps.push(["shown", test.shown_ms, ms(test.stored_ms ?? test.pressed_ms, test.shown_ms)]);
  const next = steps.findIndex(([, at_ms]) => at_ms === null);
  return steps.map(([name, at_ms, text], place) => {
    const waits = place === next && test.ended_ms === null;
    const state = at_ms !== null ? "done" : waits ? "waits" : "open";
    const line = make("li", { class: state }, make("span", { text: t(`press_step.${waits && name === "pressed" ? "press_now" : name}`) }));
    if (at_ms !== null && text) line.append(make("small", { text }));
    if (waits && name === "pressed" && test.until_ms !== null) {
      line.append(make("small", { "data-until": test.until_ms, text: leftText(test.until_ms, now_ms) }));
    }
    if (waits) line.setAttribute("aria-current", "step");
    return line;
  });
}

function verdictOf(test) {
  const good = test.verdict === "passed";
  const line = make("div", { class: good ? "said verdict" : "problem verdict" }, make("strong", { text: known("press_verdict", test.verdict) }));
  const unseen = good && test.shown_ms === null && test.ended_ms !== null;
  const more = unseen ? t("press.unseen") : known("press_remedy", test.verdict);
  if (more !== test.verdict) line.append(make("span", { text: more }));
  if (test.reason) line.append(make("small", { text: t("press.reason", { reason: known("press_reason", test.reason) }) }));
  return line;
}

// The tests of one bell that are over, for its page.
export async function pastOf(bell_id) {
  const { status, body } = await get(`/api/v1/bells/${encodeURIComponent(bell_id)}/press-tests`);
  if (status !== 200) return [];
  return body.items.filter((test) => !runs(test)).slice(0, 5).map((test) =>
    make("li", { text: t("press.past", { time: momentText(test.begun_ms), verdict: known("press_verdict", test.verdict), by: test.by }) }));
}
