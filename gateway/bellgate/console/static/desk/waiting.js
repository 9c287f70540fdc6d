// Alarms that nobody holds and that lie outside the screen: they must not be forgotten there.

import { whatText } from "../common/elements.js";
import { t } from "../common/texts.js";
import { unattended } from "./actions.js";
import { say } from "./row.js";

const byId = (id) => document.getElementById(id);

export class Waiting {
  #board;
  #above = null;
  #below = null;

  // go(card): to the first of them.
  constructor(board, go) {
    this.#board = board;
    byId("above").addEventListener("click", () => this.#above && go(this.#above));
    byId("below").addEventListener("click", () => this.#below && go(this.#below));
  }

  // Called by the page's tick. Those that wait stand on top, so their places rise.
  draw() {
    const waiting = this.#board.order.filter((card) => unattended(card.incident));
    const last = byId("cards").lastElementChild;
    if (last !== null && last.getBoundingClientRect().top < 2 * innerHeight) this.#board.showMore();
    if (scrollY === 0) this.#board.showFewer();
    const shown = (card) => card.element.isConnected;
    const edge = (card) => card.element.getBoundingClientRect();
    const above = first(waiting, (card) => !shown(card) || edge(card).bottom > 0);
    const below = first(waiting, (card) => !shown(card) || edge(card).top >= innerHeight - 24);
    this.#above = above > 0 ? waiting[0] : null;
    this.#below = waiting[below] ?? null;
    byId("above").hidden = above === 0;
    if (above > 0) {
      const { what, name } = waiting[0].incident;
      say(byId("above-text"), t("waiting.above", { n: above, what: whatText(what), name }));
    }
    byId("below").hidden = below === waiting.length;
    say(byId("below-text"), t("waiting.below", { n: waiting.length - below }));
  }
}

// The index of the first for which it is true; it stays true for all after it.
function first(cards, is) {
  let low = 0;
  let high = cards.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(cards[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
