// An incident in full: everything that a person must know at one glance, and the buttons.

import { known, make, symbol, whatText } from "../common/elements.js";
import { clock, has, language, span, t } from "../common/texts.js";
import { actionLabel, ACTIONS, nextAction } from "./actions.js";
import { drawn, ring } from "./marks.js";
import { nextText } from "./next.js";
import { say, stateText, symbolOf } from "./row.js";

const day = (ms) => new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(ms));

export class Face {
  constructor(card) {
    this.card = card;
    const title = `incident-${card.incident.id}`;
    this.number = make("kbd", { class: "slot" });
    this.tile = make("span", { class: "tile" });
    this.what = make("h2", { id: title });
    this.facts = make("ul", { class: "facts" });
    this.age = make("span", { class: "age-value" });
    this.ageLabel = make("span", { class: "age-label" });
    this.name = make("p", { class: "name" });
    this.address = make("p", { class: "address" });
    this.confirmed = make("p", { class: "confirmed" });
    this.place = make("p", { class: "place" });
    this.approach = make("p", { class: "approach" });
    this.meta = make("p", { class: "meta" });
    this.presses = make("p", { class: "presses" });
    this.bell = make("p", { class: "bell" });
    this.history = make("p", { class: "history" });
    this.state = make("p", { class: "state" });
    this.lease = ring();
    this.leaseText = make("span", { class: "lease-text" });
    this.leaseLine = make("p", { class: "lease" }, this.lease.svg, this.leaseText);
    this.next = make("p", { class: "next" });
    this.message = make("div", { class: "message", role: "status" });
    this.buttons = new Map();
    const large = make("div", { class: "buttons" });
    const small = make("div", { class: "buttons small" });
    for (const { action, code, size } of ACTIONS) {
      const label = make("span");
      const button = make("button", { type: "button", class: `do-${action}` }, label, make("kbd", { text: code.slice(3) }));
      button.dataset.action = action;
      button.addEventListener("click", () => card.page.do(action, card));
      this.buttons.set(action, { button, label });
      (size === "large" ? large : small).append(button);
    }
    this.record = make("details", { class: "record" }, make("summary"), make("ol"));
    this.record.addEventListener("toggle", () => card.page.record(card));
    this.parts = [
      make("header", {}, this.tile, make("div", { class: "head" }, this.what, this.facts), make("div", { class: "age" }, this.age, this.ageLabel)),
      make("div", { class: "who" }, this.name, this.address, this.place, this.confirmed, this.approach),
      make("div", { class: "ground" }, this.presses, this.bell, this.history, this.meta),
      make("div", { class: "status" }, this.state, this.leaseLine, this.next),
      this.message,
      large,
      make("footer", {}, small, this.record),
    ];
  }

  update() {
    const { card } = this;
    const { incident, page } = card;
    this.tile.replaceChildren(symbol(symbolOf(incident.what)), this.number);
    this.drawSlot();
    say(this.what, whatText(incident.what));
    say(this.name, incident.name);
    say(this.address, incident.address);
    say(this.place, [incident.floor, incident.entrance].filter(Boolean).join(" · "));
    this.approach.replaceChildren(...(incident.approach
      ? [symbol("approach"), make("strong", { text: t("card.approach") }), make("span", { text: incident.approach })] : []));
    this.#drawConfirmed();
    const where = [t("card.number", { id: incident.id }), incident.site, incident.bell_id];
    if (incident.kind) where.unshift(known("kind", incident.kind));
    say(this.meta, where.join(" · "));
    this.facts.replaceChildren(...this.#facts());
    say(this.state, stateText(card));
    say(this.record.firstChild, t("record.show"));
    for (const [action, { button, label }] of this.buttons) {
      say(label, actionLabel(action, incident, page.me));
      button.disabled = card.saving !== null || !page.may(action, incident);
      button.classList.toggle("later", !page.possible(action, incident));
      button.classList.toggle("next-step", action === nextAction(incident, page.me));
    }
    this.drawPresses();
    this.drawBell();
    this.#drawMessage();
  }

  drawSlot() {
    say(this.number, this.card.slot ?? "");
    this.number.hidden = !this.card.slot;
  }

  #drawConfirmed() {
    const { confirmed_ms, confirmed_by } = this.card.incident;
    const known_ = confirmed_ms !== null && confirmed_ms !== undefined;
    this.confirmed.classList.toggle("unsure", !known_);
    say(this.confirmed, known_ ? t("card.confirmed", { date: day(confirmed_ms), by: confirmed_by ?? "–" }) : t("card.unconfirmed"));
  }

  #facts() {
    const { incident } = this.card;
    const facts = [];
    const add = (kind, text, icon) => {
      facts.push(make("li", { class: kind }, ...(icon ? [symbol(icon)] : []), make("span", { text })));
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

  // When it was pressed, as small marks; which button, if the bell has several.
  drawPresses() {
    const presses = this.card.presses ?? [];
    if (presses === this.shownPresses && language === this.shownIn) return;
    this.shownPresses = presses;
    this.shownIn = language;
    const zones = [...new Set(presses.map((press) => press.zone).filter((zone) => zone != null))];
    const patterns = [...new Set(presses.map((press) => press.pattern).filter(Boolean))];
    const more = [
      zones.length ? t("press.zone", { zone: zones.join(", ") }) : "",
      patterns.length ? t("press.pattern", { pattern: patterns.join(", ") }) : "",
    ].filter(Boolean);
    const parts = [];
    if (presses.length > 1) {
      const times = presses.map((press) => clock(press.at_ms)).join(", ");
      const passed = span(presses.at(-1).at_ms - presses[0].at_ms);
      parts.push(make("span", { text: t("press.pattern_of", { n: presses.length, span: passed }) }),
        drawn(presses.map((press) => press.at_ms), t("press.times", { times })));
    }
    if (more.length) parts.push(make("span", { text: more.join(" · ") }));
    this.presses.replaceChildren(...parts);
  }

  drawBell() {
    const { background } = this.card;
    if (background === undefined) return;
    if (background === null) {
      say(this.bell, t("bell.unknown"));
      say(this.history, "");
      return;
    }
    const now_ms = this.card.page.now_ms();
    const parts = [t(background.online ? "bell.online" : "bell.offline")];
    if (background.last_seen_ms) parts.push(t("bell.seen", { span: span(now_ms - background.last_seen_ms) }));
    if (background.mains === false) parts.push(t("bell.no_mains"));
    if (background.battery_pct != null) parts.push(t("bell.battery", { level: `${background.battery_pct} %` }));
    else if (background.battery_mv != null) parts.push(t("bell.battery", { level: `${(background.battery_mv / 1000).toFixed(2)} V` }));
    parts.push(background.last_test_ms ? t("bell.tested", { date: day(background.last_test_ms) }) : t("bell.untested"));
    const troubles = (background.troubles ?? []).map((kind) => (has(`trouble.${kind}`) ? t(`trouble.${kind}`) : kind));
    if (troubles.length) parts.push(t("bell.troubles", { troubles: troubles.join(", ") }));
    this.bell.classList.toggle("unsure", !background.online || troubles.length > 0 || background.mains === false);
    say(this.bell, parts.join(" · "));
    const { closed_365d: n, false_365d, genuine_365d } = background;
    say(this.history, n ? t("bell.history", { n, false: false_365d, genuine: genuine_365d }) : t("bell.no_history"));
  }

  // What runs with the clock.
  tick(now_ms) {
    const { incident, page } = this.card;
    const received = incident.occurred.source === "received";
    say(this.age, span(now_ms - incident.occurred.at_ms));
    const again = incident.signal_count > 1 ? t("age.last_signal", { span: span(now_ms - incident.last_signal_ms) }) : "";
    say(this.ageLabel, [t(received ? "age.since_arrival" : "age.since_press"), again].filter(Boolean).join(" · "));
    const leased = incident.handling === "acknowledged" && incident.lease_until_ms !== null;
    this.leaseLine.hidden = !leased;
    if (leased) {
      const left = incident.lease_until_ms - now_ms;
      this.lease.set(left / page.lease_ms);
      this.leaseLine.classList.toggle("short", left < 30_000);
      say(this.leaseText, left > 0 ? t("next.lease", { span: span(left) }) : t("next.lease_over"));
    }
    say(this.next, nextText(incident, page, now_ms));
  }

  #drawMessage() {
    const { card } = this;
    const said = card.saving !== null
      ? { text: t(card.looking ? "looked.looking" : "saving", { action: t(`action.${card.saving}`) }) }
      : (card.problem?.() ?? null);
    this.message.classList.toggle("problem", card.saving === null && said !== null && !said.good);
    const again = card.intention !== null && card.page.may(card.intention.action, card.incident);
    const key = JSON.stringify([said, again, card.intention?.action, language]);
    if (this.saidKey === key) return; // a screen reader hears it once
    this.saidKey = key;
    if (said === null) return this.message.replaceChildren();
    const parts = [make("p", { text: said.text })];
    if (said.changes?.length) {
      parts.push(make("dl", { class: "changes" }, ...said.changes.flatMap(({ label, before, after }) => [
        make("dt", { text: label }), make("dd", {}, make("s", { text: before }), " → ", make("strong", { text: after })),
      ])));
    }
    for (const line of said.lines ?? []) parts.push(make("p", { class: "by", text: line }));
    if (again) {
      const { action, label } = card.intention;
      const code = ACTIONS.find((each) => each.action === action).code.slice(3);
      const button = make("button", { type: "button", class: "again" }, make("span", { text: t("refused.again", { action: label?.() ?? t(`action.${action}`) }) }), make("kbd", { text: code }));
      button.addEventListener("click", () => card.page.do(action, card));
      parts.push(button);
    }
    this.message.replaceChildren(...parts);
  }
}
