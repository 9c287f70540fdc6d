// The open incidents: which cards there are, in which order, and which one the keys mean.

import { Card, unattended } from "./card.js";

// Keys 1 to 9. A card keeps its number as long as it is open: a new alarm must not shift it under somebody's finger.
const SLOTS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

// Nobody's alarms first, the heavier before the lighter, the newer before the older.
const byUrgency = (a, b) =>
  unattended(b.incident) - unattended(a.incident) ||
  b.incident.priority - a.incident.priority ||
  b.incident.id - a.incident.id;

export class Board {
  #page;
  #lanes;
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
    return this.real.some((card) => unattended(card.incident));
  }

  // mayTakeKeys: while no card is selected, the keys mean this one from now on.
  // Returns the card, or null if the incident is closed. An answer that was overtaken by a newer event changes nothing.
  put(incident, mayTakeKeys = true) {
    const card = this.cards.get(incident.id);
    if (incident.handling === "closed") {
      if (card && incident.version >= card.incident.version) this.#drop(card);
      return null;
    }
    if (!card) {
      const made = new Card(incident, this.#freeSlot(), this.#page);
      this.cards.set(incident.id, made);
      this.#place();
      if (mayTakeKeys && this.selected === null && !incident.test) this.select(made);
      return made;
    }
    if (incident.version >= card.incident.version) {
      card.update(incident);
      this.#place();
    }
    return card;
  }

  // A snapshot: exactly these are open.
  replace(incidents) {
    const open = new Set(incidents.map((incident) => incident.id));
    for (const card of [...this.cards.values()]) if (!open.has(card.incident.id)) this.#drop(card);
    for (const incident of [...incidents].reverse()) this.put(incident, false);
    if (this.selected === null) this.select(this.real.sort(byUrgency)[0] ?? null);
  }

  select(card) {
    if (card === this.selected) return;
    this.selected?.mark(false);
    this.selected = card;
    card?.mark(true);
  }

  inSlot(slot) {
    return [...this.cards.values()].find((card) => card.slot === slot) ?? null;
  }

  #drop(card) {
    card.element.remove();
    this.cards.delete(card.incident.id);
    if (card !== this.selected) return;
    this.selected = null;
    // With one left there is no doubt which one is meant; with several a person says it.
    if (this.real.length === 1) this.select(this.real[0]);
  }

  #freeSlot() {
    const taken = new Set([...this.cards.values()].map((card) => card.slot));
    return SLOTS.find((slot) => !taken.has(slot)) ?? null;
  }

  // Only cards that must move do, so that the keyboard's focus stays where it is.
  #place() {
    for (const [lane, cards] of [[this.#lanes.real, this.real], [this.#lanes.test, this.tests]]) {
      cards.sort(byUrgency).forEach((card, index) => {
        if (lane.children[index] === card.element) return;
        const focused = card.element.contains(document.activeElement) ? document.activeElement : null;
        lane.insertBefore(card.element, lane.children[index] ?? null);
        focused?.focus({ preventScroll: true });
      });
    }
  }
}
