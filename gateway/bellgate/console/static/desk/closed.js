// What was closed a moment ago, so that it can be opened again.

import { make } from "../common/elements.js";
import { clock, t } from "../common/texts.js";

const REMEMBERED = 5;
const byId = (id) => document.getElementById(id);

export class Closed {
  #mayReopen;
  #reopen;
  #cases = [];

  // reopen(incident): called for the one that a person chose.
  constructor(mayReopen, reopen) {
    this.#mayReopen = mayReopen;
    this.#reopen = reopen;
  }

  // Those that can be opened again, the newest first; a merged one can't, its signals are elsewhere.
  get cases() {
    return this.#mayReopen ? this.#cases.filter((incident) => incident.merged_into === null) : [];
  }

  keep(incident) {
    this.#cases = [incident, ...this.#cases.filter((each) => each.id !== incident.id)].slice(0, REMEMBERED);
    this.draw();
  }

  forget(id) {
    if (!this.#cases.some((each) => each.id === id)) return;
    this.#cases = this.#cases.filter((each) => each.id !== id);
    this.draw();
  }

  draw() {
    byId("closed-lane").hidden = this.#cases.length === 0;
    byId("closed").replaceChildren(...this.#cases.map((incident) => {
      const item = make("li", {}, make("strong", { text: incident.name }), make("small", { text: this.text(incident) }));
      if (this.#mayReopen && incident.merged_into === null) {
        const button = make("button", { type: "button", class: "quiet", text: t("action.reopen") });
        button.addEventListener("click", () => this.#reopen(incident));
        item.append(button);
      }
      return item;
    }));
  }

  text(incident) {
    return `${t(`disposition.${incident.disposition}`)} · ${clock(incident.closed_ms)}`;
  }
}
