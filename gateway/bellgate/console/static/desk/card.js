// One incident on the board: in full, or as one line while there are many. Text from a bell or a person goes in as text
// only, never as markup.

import { make } from "../common/elements.js";
import { has } from "../common/texts.js";
import { unattended } from "./actions.js";
import { PRESSES_MAX } from "./background.js";
import { Face } from "./face.js";
import { Row } from "./row.js";

export class Card {
  // page: {me, plans, watched, lease_ms, possible(action, incident), may(action, incident), do(action, card), select(card),
  // record(card), now_ms()}
  constructor(incident, slot, page) {
    this.slot = slot;
    this.page = page;
    this.incident = incident;
    this.saving = null; // the action that the gateway has not confirmed
    this.looking = false; // its answer was lost
    this.problem = null; // () => {text, changes, lines, good}
    this.intention = null; // {action, body}: what was refused because the incident had changed
    this.background = undefined; // undefined: not asked yet; null: it can't be had
    this.presses = null; // [{at_ms, zone, pattern}], the newest last
    this.pressesOf = 0; // how many signals there were when they were asked for
    this.fullSince = 0;
    this.askAgainAt = 0;
    this.element = make("article", { class: "card", "aria-labelledby": `incident-${incident.id}` });
    this.element.dataset.id = incident.id;
    this.near = true; // false: so far outside the screen that the browser leaves it out
    this.element.addEventListener("contentvisibilityautostatechange", ({ skipped }) => {
      this.near = !skipped;
      if (this.near) this.tick();
    });
    this.element.addEventListener("pointerdown", () => page.select(this));
    this.element.addEventListener("focusin", () => page.select(this));
    this.#show(new Row(this));
  }

  #show(face) {
    this.face = face;
    this.full = face instanceof Face;
    this.element.classList.toggle("row-only", !this.full);
    // A line has no button: it is reached by itself, and unfolds.
    this.element.tabIndex = this.full ? -1 : 0;
    this.element.replaceChildren(...face.parts);
    this.update(this.incident);
  }

  // In full or as a line. What holds the keyboard's focus inside stays as it is.
  setFull(full) {
    if (full === this.full) return;
    const active = document.activeElement;
    if (!full && active !== this.element && this.element.contains(active)) return;
    if (full) {
      this.fullSince = performance.now();
      this.near = true; // only lines are left out
    }
    this.#show(full ? new Face(this) : new Row(this));
  }

  get record() {
    return this.face.record ?? null;
  }

  update(incident) {
    this.incident = incident;
    const data = this.element.dataset;
    data.handling = incident.handling;
    data.what = incident.what;
    data.test = incident.test;
    data.weight = incident.test ? "test" : unattended(incident) ? "alarm" : incident.handling;
    data.saving = this.saving !== null;
    this.face.update();
    if (this.near) this.tick();
  }

  redraw() {
    this.update(this.incident);
  }

  know(background) {
    this.background = background;
    if (this.full) this.face.drawBell();
  }

  // A low battery during an alarm is a signal, but nobody's press.
  knowPresses({ signals, signal_count }) {
    this.pressesOf = signal_count;
    const alarms = signals.filter((signal) => signal.state === "alarm" && has(`what.${signal.what}`));
    this.presses = alarms.slice(-PRESSES_MAX).map(({ occurred, zone, info }) => ({
      at_ms: occurred.at_ms, zone, pattern: info?.pattern,
    }));
    if (this.full) this.face.drawPresses();
  }

  // What runs with the clock.
  tick() {
    this.face.tick(this.page.now_ms());
  }

  // An action that the gateway has not confirmed: the card must not look as if it had.
  startSaving(action) {
    this.saving = action;
    this.problem = null;
    this.intention = null;
    this.redraw();
  }

  startLooking() {
    this.looking = true;
    this.redraw();
  }

  endSaving(problem = null, intention = null) {
    this.saving = null;
    this.looking = false;
    this.problem = problem;
    this.intention = intention;
    this.redraw();
  }

  // The person has read what went wrong.
  dismiss() {
    if (this.problem === null) return false;
    this.endSaving();
    return true;
  }

  setSlot(slot) {
    this.slot = slot;
    this.face.drawSlot();
  }

  mark(selected) {
    this.element.classList.toggle("selected", selected);
    if (selected) this.element.setAttribute("aria-current", "true");
    else this.element.removeAttribute("aria-current");
  }

  // Is something of it on the screen? A card of the tests needs only to be drawn: its lane may lie below the others.
  get visible() {
    if (!this.element.isConnected || !this.element.checkVisibility()) return false;
    const { top, bottom, height } = this.element.getBoundingClientRect();
    return height > 0 && (this.incident.test || (bottom > 0 && top < innerHeight));
  }
}
