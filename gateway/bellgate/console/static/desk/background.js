// What a card knows besides the incident itself: the bell's health and history, and when it was pressed. Asked for only
// while the card is shown in full, a few at a time: in a storm nobody reads it, and the gateway has better work.

import { get } from "../common/api.js";

const AT_ONCE = 2;
// A card that is pushed down at once by the next one is not worth a question.
const SHOWN_MS = 700;
const FRESH_MS = 60_000;
const AGAIN_MS = 15_000; // after a failure
const PRESSES_EVERY_MS = 3_000; // somebody who presses on and on
// Their number says enough, and the answer would be long.
const PRESSES_ASKED_MAX = 200;
const BELLS_MAX = 300; // more than anybody looks at in a night; the oldest go
export const PRESSES_MAX = 24; // marks that can be told apart on a card

const lacksPresses = ({ incident, pressesOf }) =>
  incident.signal_count !== pressesOf && incident.signal_count <= PRESSES_ASKED_MAX;

export class Background {
  #bells = new Map(); // bell_id: {at, background}, newest last
  #running = 0;

  // Called by the page's tick with the cards that are shown in full, the most urgent first.
  check(cards) {
    const now = performance.now();
    for (const card of cards) {
      if (this.#running >= AT_ONCE) return;
      if (now - card.fullSince < SHOWN_MS || now < card.askAgainAt) continue;
      const known = this.#bells.get(card.incident.bell_id);
      if (known && now - known.at < FRESH_MS) {
        if (card.background !== known.background) card.know(known.background);
        if (lacksPresses(card)) this.#ask(card, false);
        continue;
      }
      this.#ask(card, true);
    }
  }

  async #ask(card, bell) {
    this.#running += 1;
    card.askAgainAt = performance.now() + AGAIN_MS;
    const { id, bell_id } = card.incident;
    try {
      if (bell) {
        const { status, body } = await get(`/api/v1/bells/${encodeURIComponent(bell_id)}/background`);
        if (status === 200) this.#keep(bell_id, body);
        card.know(status === 200 ? body : null);
      }
      if (lacksPresses(card)) {
        const { status, body } = await get(`/api/v1/incidents/${id}`);
        if (status === 200) {
          card.knowPresses(body);
          card.askAgainAt = performance.now() + PRESSES_EVERY_MS;
        }
      }
    } finally {
      this.#running -= 1;
    }
  }

  #keep(bell_id, background) {
    this.#bells.delete(bell_id);
    this.#bells.set(bell_id, { at: performance.now(), background });
    if (this.#bells.size > BELLS_MAX) this.#bells.delete(this.#bells.keys().next().value);
  }
}
