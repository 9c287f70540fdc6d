// The whole screen in red: this page does not do its work, and nobody may take it for alive.

import { clock, span, t } from "../common/texts.js";

const byId = (id) => document.getElementById(id);

export class Red {
  #live;
  #watch;
  #said = "";
  #folded = false; // the person wants to read what was last known; the red bar stays

  constructor(live, watch) {
    this.#live = live;
    this.#watch = watch;
    byId("red-sound").addEventListener("click", () => watch.begin());
    byId("red-fold").addEventListener("click", () => this.#fold(!this.#folded));
  }

  // The gravest reason, or "".
  get reason() {
    const link = document.body.dataset.link;
    if (link === "over" || link === "lost") return link;
    return this.#watch.broken;
  }

  #fold(folded) {
    this.#folded = folded;
    this.draw();
  }

  // Called by the page's tick, and when the language changes.
  draw() {
    const reason = this.reason;
    if (reason === "") this.#folded = false;
    document.body.dataset.red = reason;
    const red = byId("red");
    red.hidden = reason === "";
    if (reason === "") {
      this.#said = "";
      return;
    }
    red.classList.toggle("folded", this.#folded);
    byId("red-sign-in").hidden = reason !== "over";
    byId("red-sound").hidden = reason !== "stopped";
    byId("red-fold").hidden = reason === "over";
    byId("red-fold").textContent = t(this.#folded ? "red.unfold" : "red.fold");
    const places = { time: clock(Date.now() - this.#live.silent_ms + this.#live.offset_ms), span: span(this.#watch.frozen_ms) };
    const title = t(`red.${reason}`, places);
    const text = t(`red.${reason}_text`, places);
    if (`${title} ${text}` === this.#said) return; // a screen reader hears it once, not four times a second
    this.#said = `${title} ${text}`;
    byId("red-title").textContent = title;
    byId("red-text").textContent = text;
  }
}
