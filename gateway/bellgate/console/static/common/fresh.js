// Data that is asked for again and again, and a page that says when it has grown old.

import { get } from "./api.js";
import { span, t } from "./texts.js";

// Three questions in a row without an answer: what the page shows may no longer be so.
const OLD_AFTER = 3;

export class Fresh {
  #path;
  #every_ms;
  #use;
  #line;
  #asking = false;
  #again = false;
  #heardAt = performance.now();
  #timer = 0;
  offset_ms = 0;

  // use: called with each answer; line: the element that says how old it is.
  constructor(path, every_ms, use, line) {
    this.#path = path;
    this.#every_ms = every_ms;
    this.#use = use;
    this.#line = line;
    setInterval(() => this.draw(), 1_000);
  }

  get age_ms() {
    return performance.now() - this.#heardAt;
  }

  now_ms() {
    return Date.now() + this.offset_ms;
  }

  async ask() {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    clearTimeout(this.#timer);
    const { status, body } = await get(this.#path);
    if (status === 401) location.assign("/sign-in");
    if (status === 200) {
      this.#heardAt = performance.now();
      if ("now_ms" in body) this.offset_ms = body.now_ms - Date.now();
      this.#use(body);
    }
    this.#asking = false;
    this.draw();
    this.#timer = setTimeout(() => this.ask(), this.#again ? 300 : this.#every_ms);
    this.#again = false;
  }

  draw() {
    const old = this.age_ms > OLD_AFTER * this.#every_ms;
    document.body.dataset.fresh = String(!old);
    this.#line.className = old ? "problem" : "nothing";
    const text = old ? t("fresh.old", { span: span(this.age_ms) }) : t("fresh.new", { s: Math.round(this.#every_ms / 1000) });
    if (this.#line.textContent !== text) this.#line.textContent = text;
  }
}
