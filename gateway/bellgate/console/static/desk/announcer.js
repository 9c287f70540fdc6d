// What a screen reader says of new alarms: each once, and in a storm not one after the other but together.

import { whatText } from "../common/elements.js";
import { t } from "../common/texts.js";

// A sentence needs its time; what comes meanwhile is said in the next one.
const SENTENCE_MS = 4_000;

export class Announcer {
  #element;
  #waiting = [];
  #more = 0;
  #timer = null;

  constructor(element) {
    this.#element = element;
  }

  add(incidents) {
    const real = incidents.filter((incident) => !incident.test);
    if (real.length === 0) return;
    this.#more += real.length - 1 + (this.#waiting.length ? 1 : 0);
    this.#waiting = [real.reduce((a, b) => (b.id > a.id ? b : a))];
    if (this.#timer === null) this.#say();
  }

  #say() {
    this.#timer = null;
    const [newest] = this.#waiting;
    if (!newest) return;
    const said = t("announce", { what: whatText(newest.what), name: newest.name, address: newest.address });
    this.#element.textContent = this.#more ? `${said} ${t("announce.more", { n: this.#more })}` : said;
    this.#waiting = [];
    this.#more = 0;
    this.#timer = setTimeout(() => this.#say(), SENTENCE_MS);
  }
}
