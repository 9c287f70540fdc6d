// Work without a mouse. Keys are places on the keyboard, so they work while it is set to Hangul.

import { t } from "../common/texts.js";
import { ACTIONS } from "./actions.js";
import { anyOpen, showHelp } from "./dialogs.js";

export class Keys {
  // on: {reopen(), dismiss()}, dismiss: what was said has been read; true if there was anything.
  constructor(board, page, on) {
    this.board = board;
    this.page = page;
    this.on = on;
    addEventListener("keydown", (event) => this.#down(event));
  }

  #down(event) {
    // A digit that a dialog has taken, and closed itself with, means no card.
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing || anyOpen()) return;
    if (event.target.closest?.("input, textarea, select")) return;
    const steps = { ArrowDown: 1, ArrowUp: -1 }[event.code];
    if (steps) return this.#choose(event, this.board.beside(steps));
    if (event.repeat) return;
    const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1];
    const wanted = ACTIONS.find(({ code }) => code === event.code);
    if (digit === "0") return this.#choose(event, this.board.order[0] ?? null);
    if (digit && !event.shiftKey) return this.#choose(event, this.board.inSlot(Number(digit)));
    if (event.key === "?" || (event.code === "Slash" && event.shiftKey)) showHelp(this.#help());
    else if (event.code === "KeyO") this.on.reopen();
    else if (event.code === "Escape") {
      if (!this.on.dismiss()) return;
    } else if (wanted && this.board.selected) this.page.do(wanted.action, this.board.selected);
    else return;
    event.preventDefault();
  }

  #choose(event, card) {
    if (!card) return;
    event.preventDefault();
    this.go(card);
  }

  go(card) {
    this.board.select(card);
    card.element.focus({ preventScroll: true });
    card.element.scrollIntoView({ block: "nearest" });
  }

  help() {
    showHelp(this.#help());
  }

  #help() {
    return [
      ["1 – 9", t("help.digits")],
      ["0", t("help.zero")],
      ["↓ ↑", t("help.arrows")],
      ...ACTIONS.map(({ action, code }) => [code.slice(3), t(`help.${action}`)]),
      ["O", t("help.reopen")],
      ["Esc", t("help.escape")],
      ["?", t("help.title")],
    ];
  }
}
