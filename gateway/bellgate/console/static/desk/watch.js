// The watch: a person pressed start, heard the tone and said so. From then on this page proves every few seconds that it
// is fresh, heard and seen, and that somebody is there; only then does the gateway count on it, and only then may it
// claim that it presented an incident.

import { post } from "../common/api.js";
import { t } from "../common/texts.js";

// After a failure, and not at each tick.
const AGAIN_MS = 2_000;
// Shorter than the time in which the next proof is due.
const PROOF_DEADLINE_MS = 3_000;
// The gateway counts a page out after 10 s without a proof; the page must not believe longer in itself.
const LAPSE_MS = 10_000;
// So long before nobody counts as being there, the page asks.
const ASK_BEFORE_MS = 60_000;
const SIGNS = ["keydown", "pointerdown", "pointermove", "wheel"];

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
  #desk = null; // what the gateway last said of this watch
  #answeredAt = -Infinity;
  #provedAt = -Infinity;
  #proving = false;
  #signedAt = performance.now();
  #tickedAt = performance.now();
  #frozen_ms = 0; // so long the page stood still; until somebody has seen that
  #resumedAt = 0;
  #told = new Map(); // incident: newest signal that the gateway knows to be presented here
  #tried = new Map(); // incident: [signal, when], the last attempt
  #drawn = "";

  constructor(sound, live, board, mayPresent) {
    this.#sound = sound;
    this.#live = live;
    this.#board = board;
    this.#mayPresent = mayPresent;
    byId("watch-start").addEventListener("click", () => this.begin());
    byId("heard-yes").addEventListener("click", () => this.#heard(true));
    byId("heard-no").addEventListener("click", () => this.#heard(false));
    byId("sound-test").addEventListener("click", () => this.#sound.alarm());
    for (const name of SIGNS) addEventListener(name, () => (this.#signedAt = performance.now()), { passive: true });
    document.addEventListener("visibilitychange", () => this.#prove());
    // Closed or left: say so at once instead of falling silent.
    addEventListener("pagehide", () => this.#prove({ visible: false }, { keepalive: true }));
  }

  get started() {
    return this.#state === "on";
  }

  // Is an alarm on this page heard and seen by somebody, as the gateway knows?
  get attending() {
    return this.broken === "" && this.started && this.#desk?.condition === "attended";
  }

  // Why a watch that began does not count now: "" if it does. The page turns red with it.
  get broken() {
    if (!this.started) return "";
    if (!this.#sound.running) return "stopped";
    if (document.visibilityState !== "visible") return "hidden";
    if (this.#frozen_ms > 0) return "frozen";
    if (this.#desk?.condition === "absent") return "absent";
    return performance.now() - this.#answeredAt < LAPSE_MS ? "" : "unproved";
  }

  get frozen_ms() {
    return this.#frozen_ms;
  }

  // How long until nobody counts as being there, once it is time to ask; else null.
  get asks_ms() {
    if (!this.started || !this.#desk) return null;
    const left = this.#desk.sign_within_ms - (performance.now() - this.#signedAt);
    return left < ASK_BEFORE_MS ? Math.max(0, left) : null;
  }

  // Only inside a click or a key press.
  async begin() {
    const runs = await this.#sound.begin();
    if (!runs) return this.#set("unheard");
    const { status, body } = await post("/api/v1/desks/begin", { console: this.#name });
    if (status !== 200) return this.#set("refused");
    this.#take(body);
    this.#set("asking");
    byId("heard-yes").focus();
  }

  async #heard(heard) {
    const given = { desk: this.#desk.desk, heard, proof: this.#proof() };
    const { status, body } = await post("/api/v1/desks/heard", given);
    if (status === 200) this.#take(body);
    this.#set(status === 200 && body.condition === "attended" ? "on" : status === 200 ? "unheard" : "refused");
  }

  // {status, body} of the gateway: 200, or why the watch can't end now.
  async end() {
    if (this.#desk === null) return { status: 200, body: null };
    const answer = await post("/api/v1/desks/end", { desk: this.#desk.desk });
    if (answer.status === 200) {
      this.#desk = null;
      this.#set("off");
    }
    return answer;
  }

  #take(desk) {
    this.#desk = desk;
    this.#answeredAt = performance.now();
  }

  #proof(changes = {}) {
    this.#sound.check(); // on a busy machine the last tick may be long ago
    return {
      desk: this.#desk.desk,
      heartbeat_ms: this.#live.heartbeat_ms,
      audio_ms: this.#sound.running ? this.#sound.audio_ms : 0,
      visible: document.visibilityState === "visible" && this.#frozen_ms === 0,
      signed_ago_ms: Math.round(performance.now() - this.#signedAt),
      ...changes,
    };
  }

  async #prove(changes = {}, options = {}) {
    if (this.#desk === null || (this.#proving && !options.keepalive)) return;
    this.#proving = true;
    this.#provedAt = performance.now();
    const proved = this.#desk.desk;
    const { status, body } = await post("/api/v1/desks/proof", this.#proof(changes), {
      deadline_ms: PROOF_DEADLINE_MS, ...options,
    });
    this.#proving = false;
    if (this.#desk?.desk !== proved) return; // another watch began meanwhile
    if (status === 200) this.#take(body);
    else if (status === 401) this.#live.stop();
    else if (status === 409) {
      this.#desk = null; // it is over: somebody must begin a new one
      this.#set("off");
    }
  }

  #set(state) {
    this.#state = state;
    this.draw();
  }

  draw() {
    const state = this.#state;
    this.#drawn = `${state} ${this.broken}`;
    document.body.dataset.watch = this.broken || state;
    byId("watch").hidden = !this.#mayPresent || state === "on";
    byId("watch-start").hidden = state === "asking";
    byId("watch-heard").hidden = state !== "asking";
    byId("sound-test").hidden = state !== "on";
    byId("watch-end").hidden = state !== "on";
    if (state === "on") return;
    byId("watch-title").textContent = t(`watch.${state}`);
    byId("watch-text").textContent = t(`watch.${state}_text`);
  }

  // Called by the page's tick.
  check() {
    const now = performance.now();
    // A page that stood still (a sleeping laptop, a frozen tab) showed an old picture meanwhile, and must say so.
    if (this.started && now - this.#tickedAt > LAPSE_MS) {
      this.#frozen_ms = now - this.#tickedAt;
      this.#resumedAt = now;
    } else if (this.#frozen_ms > 0 && this.#signedAt > this.#resumedAt) {
      this.#frozen_ms = 0;
      this.#prove();
    }
    this.#tickedAt = now;
    if (this.#desk && now - this.#provedAt >= this.#desk.proof_every_ms) this.#prove();
    else if (this.#desk?.condition === "absent" && this.#signedAt > this.#provedAt) this.#prove();
    if (`${this.#state} ${this.broken}` !== this.#drawn) this.draw();
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
    const given = { console: this.#name, desk: this.#desk.desk, up_to_signal, sounding: true };
    const { status } = await post(`/api/v1/incidents/${id}/presented`, given);
    if (status === 200) {
      this.#told.set(id, up_to_signal);
      this.#tried.delete(id);
    }
  }
}
