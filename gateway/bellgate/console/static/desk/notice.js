// A word about an incident that has no card any more: it was closed while somebody acted on it. It stays until it is read.

import { make } from "../common/elements.js";

const byId = (id) => document.getElementById(id);

export class Notice {
  #say = null;

  constructor() {
    byId("notice-close").addEventListener("click", () => this.dismiss());
  }

  // say: () => {text, lines, good}
  show(say) {
    this.#say = say;
    this.draw();
  }

  dismiss() {
    if (this.#say === null) return false;
    this.#say = null;
    this.draw();
    return true;
  }

  draw() {
    const said = this.#say?.() ?? null;
    byId("notice").hidden = said === null;
    byId("notice").classList.toggle("good", Boolean(said?.good));
    const lines = said ? [make("strong", { text: said.text }), ...(said.lines ?? []).map((text) => make("span", { text }))] : [];
    byId("notice-text").replaceChildren(...lines);
  }
}
