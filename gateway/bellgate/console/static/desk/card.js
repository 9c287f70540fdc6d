// One incident as a card. Text from a bell or a person goes in as text only, never as markup.

import { known, make, symbol, whatText } from "../common/elements.js";
import { span, t } from "../common/texts.js";

// Actions in the order of their buttons, each with its key. Keys are places on the keyboard (KeyA), not letters: they
// work while the keyboard is set to Hangul.
export const ACTIONS = [
  { action: "acknowledge", code: "KeyA", size: "large" },
  { action: "dispatch", code: "KeyD", size: "large" },
  { action: "close", code: "KeyX", size: "large" },
  { action: "en_route", code: "KeyE" },
  { action: "on_scene", code: "KeyS" },
  { action: "clear", code: "KeyC" },
  { action: "note", code: "KeyN" },
  { action: "handoff", code: "KeyH" },
];

// What usually follows; only its look, every listed action stays possible.
const NEXT_STEP = {
  received: "acknowledge",
  presented: "acknowledge",
  acknowledged: "dispatch",
  dispatched: "en_route",
  en_route: "on_scene",
  on_scene: "clear",
  cleared: "close",
};

export const unattended = (incident) => incident.handling === "received" || incident.handling === "presented";

export class Card {
  // page: {me, possible(action, incident), may(action, incident), do(action, card), select(card), now_ms()}
  constructor(incident, slot, page) {
    this.slot = slot;
    this.page = page;
    this.saving = null;
    this.problem = null;
    this.renderedUpTo = 0;
    this.#build(incident.id);
    this.update(incident);
  }

  #build(id) {
    const title = `incident-${id}`;
    this.number = make("kbd", { class: "slot" });
    this.tile = make("span", { class: "tile" });
    this.what = make("h2", { id: title });
    this.facts = make("ul", { class: "facts" });
    this.age = make("span", { class: "age-value" });
    this.ageLabel = make("span", { class: "age-label" });
    this.name = make("p", { class: "name" });
    this.address = make("p", { class: "address" });
    this.meta = make("p", { class: "meta" });
    this.state = make("p", { class: "state" });
    this.next = make("p", { class: "next" });
    this.message = make("p", { class: "message", role: "status" });
    this.buttons = new Map();
    const large = make("div", { class: "buttons" });
    const small = make("div", { class: "buttons small" });
    for (const { action, code, size } of ACTIONS) {
      const label = make("span");
      const button = make("button", { type: "button", class: `do-${action}` }, label, make("kbd", { text: code.slice(3) }));
      button.dataset.action = action;
      button.addEventListener("click", () => this.page.do(action, this));
      this.buttons.set(action, { button, label });
      (size === "large" ? large : small).append(button);
    }
    this.record = make("details", { class: "record" }, make("summary"), make("ol"));
    this.record.addEventListener("toggle", () => this.page.record(this));
    this.element = make(
      "article",
      { class: "card", "aria-labelledby": title, tabindex: "-1" },
      make("header", {}, this.tile, make("div", { class: "head" }, this.what, this.facts), make("div", { class: "age" }, this.age, this.ageLabel)),
      make("div", { class: "who" }, this.name, this.address, this.meta),
      make("div", { class: "status" }, this.state, this.next),
      this.message,
      large,
      make("footer", {}, small, this.record),
    );
    this.element.dataset.id = id;
    this.element.addEventListener("pointerdown", () => this.page.select(this));
    this.element.addEventListener("focusin", () => this.page.select(this));
  }

  update(incident) {
    this.incident = incident;
    const data = this.element.dataset;
    data.handling = incident.handling;
    data.what = incident.what;
    data.test = incident.test;
    data.weight = incident.test ? "test" : unattended(incident) ? "alarm" : incident.handling;
    const drawn = document.getElementById(`what-${incident.what}`) ? incident.what : "other";
    this.tile.replaceChildren(symbol(`what-${drawn}`));
    if (this.slot) this.tile.append(this.number);
    this.number.textContent = this.slot ?? "";
    this.what.textContent = whatText(incident.what);
    this.name.textContent = incident.name;
    this.address.textContent = incident.address;
    const place = [t("card.number", { id: incident.id }), incident.site, incident.bell_id];
    if (incident.kind) place.unshift(known("kind", incident.kind));
    this.meta.textContent = place.join(" · ");
    this.facts.replaceChildren(...this.#facts());
    this.state.textContent = this.#stateText();
    this.record.firstChild.textContent = t("record.show");
    for (const [action, { button, label }] of this.buttons) {
      const renew = action === "acknowledge" && incident.owner === this.page.me && incident.handling === "acknowledged";
      const accept = action === "handoff" && incident.offered_to === this.page.me;
      label.textContent = t(renew ? "action.renew" : accept ? "action.accept" : `action.${action}`);
      button.disabled = this.saving !== null || !this.page.may(action, incident);
      button.classList.toggle("later", !this.page.possible(action, incident));
      button.classList.toggle("next-step", action === this.#nextStep());
    }
    this.#showMessage();
    this.tick();
  }

  #nextStep() {
    if (this.incident.offered_to === this.page.me) return "handoff";
    if (this.incident.test) return unattended(this.incident) ? "acknowledge" : "close";
    return NEXT_STEP[this.incident.handling];
  }

  #facts() {
    const { incident } = this;
    const facts = [];
    const add = (kind, text, icon) => {
      const fact = make("li", { class: kind }, ...(icon ? [symbol(icon)] : []), make("span", { text }));
      facts.push(fact);
    };
    if (incident.duress) add("warn", t("fact.duress"));
    if (!incident.test) add(incident.silent ? "warn" : "plain", t(incident.silent ? "fact.silent" : "fact.audible"), incident.silent ? "sound-off" : "sound-on");
    add(incident.signal_count > 1 ? "strong" : "plain", t("fact.signals", { n: incident.signal_count }));
    if (incident.cancel_asked) add("warn", t("fact.cancel_asked"));
    if (incident.restored) add("plain", t("fact.restored"));
    if (incident.tampered) add("warn", t("fact.tampered"));
    const { err_ms, source } = incident.occurred;
    if (err_ms === null || source === "received") add("warn", t("fact.time_unknown"));
    else add("plain", t("fact.uncertainty", { s: Math.max(1, Math.ceil(err_ms / 1000)) }));
    if (incident.late) add("warn", t("fact.late"));
    if (incident.clock_unsure) add("warn", t("fact.clock_unsure"));
    return facts;
  }

  #stateText() {
    const { incident } = this;
    const parts = [known("handling", incident.handling)];
    if (incident.owner) parts.push(incident.owner === this.page.me ? t("state.mine") : t("state.owner", { owner: incident.owner }));
    if (incident.offered_to) parts.push(t("state.offered", { to: incident.offered_to }));
    return parts.join(" · ");
  }

  // What runs with the clock.
  tick() {
    const { incident } = this;
    const now_ms = this.page.now_ms();
    const received = incident.occurred.source === "received";
    this.age.textContent = span(now_ms - incident.occurred.at_ms);
    const again = incident.signal_count > 1 ? t("age.last_signal", { span: span(now_ms - incident.last_signal_ms) }) : "";
    this.ageLabel.textContent = [t(received ? "age.since_arrival" : "age.since_press"), again].filter(Boolean).join(" · ");
    let next = "";
    if (incident.handling === "acknowledged" && incident.lease_until_ms !== null) {
      const left = incident.lease_until_ms - now_ms;
      next = left > 0 ? t("next.lease", { span: span(left) }) : t("next.lease_over");
    } else if (unattended(incident) && incident.escalation.next_ms !== null) {
      const left = incident.escalation.next_ms - now_ms;
      next = left > 0 ? t("next.escalation", { span: span(left) }) : t("next.escalation_now");
    }
    if (this.next.textContent !== next) this.next.textContent = next;
  }

  // An action that the gateway has not confirmed: the card must not look as if it had.
  startSaving(action) {
    this.saving = action;
    this.problem = null;
    this.update(this.incident);
  }

  endSaving(problem = null) {
    this.saving = null;
    this.problem = problem;
    this.update(this.incident);
  }

  #showMessage() {
    this.element.dataset.saving = this.saving !== null;
    const text = this.saving !== null ? t("saving", { action: t(`action.${this.saving}`) }) : (this.problem?.() ?? "");
    this.message.classList.toggle("problem", this.saving === null && text !== "");
    if (this.message.textContent !== text) this.message.textContent = text;
  }

  mark(selected) {
    this.element.classList.toggle("selected", selected);
    if (selected) this.element.setAttribute("aria-current", "true");
    else this.element.removeAttribute("aria-current");
  }

  // Is there something of it on the screen?
  get visible() {
    return this.element.isConnected && this.element.checkVisibility() && this.element.getBoundingClientRect().height > 0;
  }
}
