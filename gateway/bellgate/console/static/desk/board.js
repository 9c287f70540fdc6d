// The open incidents: which cards there are, in which order, which stand in full, and which one the keys mean.

import { unattended } from "./actions.js";
import { Card } from "./card.js";

// Keys 1 to 9. A card keeps its number as long as it is open: a new alarm must not shift it under somebody's finger.
const SLOTS = [1, 2, 3, 4, 5, 6, 7, 8, 9];
// So many stand in full; the others are lines, until somebody chooses one.
const FULL_MAX = 6;
// With so many new ones at once each is a line: three in full would fill the screen and push the others off it.
const STORM_FROM = 6;
const TESTS_FULL_MAX = 3;
// So many stand in the document; more come as somebody goes down to them, and meanwhile they are counted at the bottom.
const SHOWN = 200;
// A new site stands above everything for so long, whatever else waits: nobody may have seen it yet.
const NEW_MS = 20_000;

export class Board {
  #page;
  #lanes;
  #order = []; // real ones as they stand on the page
  #dirty = false;
  #shown = SHOWN;
  cards = new Map();
  selected = null;

  // lanes: {real, test}, the elements that hold the cards.
  constructor(page, lanes) {
    this.#page = page;
    this.#lanes = lanes;
  }

  get(id) {
    return this.cards.get(id) ?? null;
  }

  get real() {
    return [...this.cards.values()].filter((card) => !card.incident.test);
  }

  get tests() {
    return [...this.cards.values()].filter((card) => card.incident.test);
  }

  get anyUnattended() {
    for (const { incident } of this.cards.values()) if (!incident.test && unattended(incident)) return true;
    return false;
  }

  // Real ones from the top down, as they stand on the page.
  get order() {
    return this.#order;
  }

  // Those whose contents can be read now, the most urgent first.
  get full() {
    return [...this.#order, ...this.tests].filter((card) => card.full);
  }

  // mayTakeKeys: while no card is selected, the keys mean this one from now on.
  // Returns the card, or null if the incident is closed. An answer that was overtaken by a newer event changes nothing.
  // Its place on the page follows with `settle`.
  take(incident, mayTakeKeys = true) {
    const card = this.cards.get(incident.id);
    if (incident.handling === "closed") {
      if (card && incident.version >= card.incident.version) this.#drop(card);
      return null;
    }
    if (!card) {
      const made = new Card(incident, this.#freeSlot(), this.#page);
      this.cards.set(incident.id, made);
      this.#dirty = true;
      if (mayTakeKeys && this.selected === null && !incident.test) this.#mark(made);
      return made;
    }
    if (incident.version >= card.incident.version) {
      this.#dirty ||= rankOf(card.incident) !== rankOf(incident) || card.incident.priority !== incident.priority;
      card.update(incident);
    }
    return card;
  }

  put(incident, mayTakeKeys = true) {
    const card = this.take(incident, mayTakeKeys);
    this.settle();
    return card;
  }

  // A snapshot: exactly these are open. Returns those that were not known.
  replace(incidents) {
    const open = new Set(incidents.map((incident) => incident.id));
    for (const card of [...this.cards.values()]) if (!open.has(card.incident.id)) this.#drop(card);
    const added = incidents.filter((incident) => !this.cards.has(incident.id));
    for (const incident of [...incidents].reverse()) this.take(incident, false);
    this.#dirty = true;
    this.settle();
    if (this.selected === null) this.select(this.#order[0] ?? null);
    return added;
  }

  select(card) {
    if (card === this.selected) return;
    this.#mark(card);
    // Somebody goes down the list by key: those around it belong on the page.
    const at = this.#order.indexOf(card);
    if (at >= this.#shown - 1) this.#shown = at + SHOWN;
    this.#dirty = true;
    this.settle();
  }

  #mark(card) {
    this.selected?.mark(false);
    this.selected = card;
    card?.mark(true);
  }

  inSlot(slot) {
    return [...this.cards.values()].find((card) => card.slot === slot) ?? null;
  }

  // The one above (-1) or below (1) the selected one; real ones first, then the tests.
  beside(step) {
    const all = [...this.#order, ...this.tests.sort(byUrgency)];
    const at = all.indexOf(this.selected);
    return at < 0 ? (all[0] ?? null) : (all[at + step] ?? null);
  }

  #drop(card) {
    card.element.remove();
    this.cards.delete(card.incident.id);
    this.#dirty = true;
    if (card !== this.selected) return;
    this.selected = null;
    // With one left there is no doubt which one is meant; with several a person says it.
    const left = this.real;
    if (left.length === 1) this.#mark(left[0]);
  }

  #freeSlot() {
    const taken = new Set();
    for (const card of this.cards.values()) taken.add(card.slot);
    return SLOTS.find((slot) => !taken.has(slot)) ?? null;
  }

  // Somebody has come to the end of those that are shown.
  showMore() {
    if (this.#shown >= this.#order.length) return;
    this.#shown += SHOWN;
    this.#dirty = true;
    this.settle();
  }

  // At the top again, the rest can go.
  showFewer() {
    if (this.#shown === SHOWN) return;
    this.#shown = SHOWN;
    this.#dirty = true;
    this.settle();
  }

  // Called by the page's tick: what was new is new no longer.
  age() {
    const now_ms = this.#page.now_ms();
    if (this.#order.some((card) => card.isNew && !isNew(card.incident, now_ms))) this.#dirty = true;
    this.settle();
  }

  // Everything in its place, once for all that changed since the last time.
  settle() {
    if (!this.#dirty) return;
    this.#dirty = false;
    const now_ms = this.#page.now_ms();
    for (const card of this.cards.values()) card.isNew = isNew(card.incident, now_ms);
    this.#order = this.real.sort(byUrgency);
    const tests = this.tests.sort(byUrgency);
    this.#number([...this.#order, ...tests]);
    const storm = this.#order.filter((card) => card.isNew).length >= STORM_FROM;
    this.#unfold(this.#order, storm ? 0 : FULL_MAX);
    this.#unfold(tests, TESTS_FULL_MAX);
    const beyond = this.#order.slice(this.#shown);
    const kept = beyond.includes(this.selected) ? [this.selected] : [];
    for (const card of beyond) if (card !== this.selected && card.element.parentNode !== null) card.element.remove();
    place(this.#lanes.real, [...this.#order.slice(0, this.#shown), ...kept]);
    place(this.#lanes.test, tests);
  }

  // A number that became free goes to the first that has none.
  #number(cards) {
    for (const card of cards) {
      if (card.slot !== null) continue;
      const slot = this.#freeSlot();
      if (slot === null) return;
      card.setSlot(slot);
    }
  }

  #unfold(cards, most) {
    cards.forEach((card, index) => card.setFull(index < most || card === this.selected || card.problem !== null || card.saving !== null));
  }
}

const rankOf = (incident) => (unattended(incident) ? 0 : 1);
const isNew = (incident, now_ms) => unattended(incident) && now_ms - incident.opened_ms < NEW_MS;

// Nobody's alarms first, and of them the new ones; then the heavier before the lighter, the newer before the older.
const byUrgency = (a, b) =>
  rankOf(a.incident) - rankOf(b.incident) ||
  b.isNew - a.isNew ||
  (a.isNew && b.isNew ? 0 : b.incident.priority - a.incident.priority) ||
  b.incident.id - a.incident.id;

// Only cards that must move do, so that the keyboard's focus stays where it is and the browser has little to lay out.
function place(lane, cards) {
  let at = lane.firstElementChild;
  for (const { element } of cards) {
    if (at === element) {
      at = at.nextElementSibling;
      continue;
    }
    // One that sinks: take it out of the way, its turn comes below.
    if (at !== null && at.nextElementSibling === element) {
      move(lane, at, null);
      at = element.nextElementSibling;
      continue;
    }
    move(lane, element, at);
  }
}

function move(lane, element, before) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  lane.insertBefore(element, before);
  focused?.focus({ preventScroll: true });
}
