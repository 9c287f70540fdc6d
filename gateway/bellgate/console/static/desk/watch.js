// The watch: a person pressed start, heard the tone and said so. Only then may this page claim that it presented an
// incident; and only for a card that is drawn, in a visible page, with the sound running and the stream fresh.

import { post } from "../common/api.js";
import { t } from "../common/texts.js";

// After a failure, and not at each tick.
const AGAIN_MS = 2_000;

const byId = (id) => document.getElementById(id);

// Which page it was, for the record; the same after a reload, another one in another tab.
function consoleName() {
  let name = sessionStorage.getItem("console");
  if (name === null) {
    name = `page-${crypto.getRandomValues(new Uint16Array(1))[0].toString(16).padStart(4, "0")}`;
    sessionStorage.setItem("console", name);
  }
  return name;
}

export class Watch {
  #sound;
  #live;
  #board;
  #mayPresent;
  #name = consoleName();
  #state = "off"; // off, asking, unheard, on
  #told = new Map(); // incident: newest signal that the gateway knows to be presented here
  #tried = new Map(); // incident: [signal, when], the last attempt
  #drawn = "";

  constructor(sound, live, board, mayPresent) {
    this.#sound = sound;
    this.#live = live;
    this.#board = board;
    this.#mayPresent = mayPresent;
    byId("watch-start").addEventListener("click", () => this.#begin());
    byId("heard-yes").addEventListener("click", () => this.#set("on"));
    byId("heard-no").addEventListener("click", () => this.#set("unheard"));
    byId("sound-test").addEventListener("click", () => this.#sound.alarm());
  }

  get started() {
    return this.#state === "on";
  }

  // Is an alarm on this page heard and seen by somebody?
  get attending() {
    return this.started && this.#sound.running && this.#live.fresh && document.visibilityState === "visible";
  }

  async #begin() {
    const runs = await this.#sound.begin();
    this.#set(runs ? "asking" : "unheard");
    if (runs) byId("heard-yes").focus();
  }

  #set(state) {
    this.#state = state;
    this.draw();
  }

  draw() {
    const silent = this.started && !this.#sound.running;
    const shown = silent ? "stopped" : this.#state;
    this.#drawn = shown;
    document.body.dataset.watch = shown;
    byId("watch").hidden = !this.#mayPresent || shown === "on";
    byId("watch-start").hidden = shown === "asking";
    byId("watch-heard").hidden = shown !== "asking";
    byId("sound-test").hidden = shown !== "on";
    if (shown === "on") return;
    byId("watch-title").textContent = t(`watch.${shown}`);
    byId("watch-text").textContent = t(`watch.${shown}_text`);
  }

  // Called by the page's tick.
  check() {
    const shown = this.started && !this.#sound.running ? "stopped" : this.#state;
    if (shown !== this.#drawn) this.draw();
    if (!this.#mayPresent || !this.attending) return;
    for (const id of [...this.#told.keys(), ...this.#tried.keys()]) {
      if (this.#board.get(id)) continue;
      this.#told.delete(id);
      this.#tried.delete(id);
    }
    for (const card of this.#board.cards.values()) this.#present(card);
  }

  #present(card) {
    const { id, last_signal } = card.incident;
    if ((this.#told.get(id) ?? 0) >= last_signal || !card.visible) return;
    const tried = this.#tried.get(id);
    if (tried && tried[0] === last_signal && performance.now() - tried[1] < AGAIN_MS) return;
    this.#tried.set(id, [last_signal, performance.now()]);
    // Two frames: the browser has painted the card before the gateway hears of it. A hidden page gets no frames.
    requestAnimationFrame(() => requestAnimationFrame(() => this.#tell(card, id, last_signal)));
  }

  async #tell(card, id, up_to_signal) {
    if (!this.attending || !card.visible) return;
    const given = { console: this.#name, up_to_signal, sounding: true };
    const { status } = await post(`/api/v1/incidents/${id}/presented`, given);
    if (status === 200) {
      this.#told.set(id, up_to_signal);
      this.#tried.delete(id);
    }
  }
}
