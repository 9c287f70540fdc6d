// An incident as one line: what, where, how long, who. Cheap, because in a storm there are hundreds of them.

import { known, make, symbol, whatText } from "../common/elements.js";
import { span, t } from "../common/texts.js";

export class Row {
  constructor(card) {
    this.card = card;
    this.slot = make("kbd", { class: "slot" });
    this.tile = make("span", { class: "tile" });
    this.what = make("strong", { class: "row-what", id: `incident-${card.incident.id}` });
    this.where = make("span", { class: "row-where" });
    this.state = make("span", { class: "row-state" });
    this.age = make("span", { class: "row-age" });
    this.parts = [this.slot, this.tile, this.what, this.where, this.state, this.age];
  }

  update() {
    const { incident } = this.card;
    if (this.drawn !== incident.what) {
      this.drawn = incident.what;
      this.tile.replaceChildren(symbol(symbolOf(incident.what)));
    }
    this.drawSlot();
    say(this.what, whatText(incident.what));
    say(this.where, [incident.name, incident.address].filter(Boolean).join(" · "));
    say(this.state, stateText(this.card));
  }

  drawSlot() {
    say(this.slot, this.card.slot ?? "");
  }

  tick(now_ms) {
    const { incident } = this.card;
    const times = incident.signal_count > 1 ? ` · ${t("fact.signals", { n: incident.signal_count })}` : "";
    say(this.age, span(now_ms - incident.occurred.at_ms) + times);
  }
}

export const symbolOf = (what) => `what-${document.getElementById(`what-${what}`) ? what : "other"}`;

// Only what differs is written: the browser need not lay out the rest.
export function say(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) element.textContent = wanted;
}

export function stateText({ incident, page }) {
  const parts = [known("handling", incident.handling)];
  if (incident.owner) parts.push(incident.owner === page.me ? t("state.mine") : t("state.owner", { owner: incident.owner }));
  if (incident.offered_to) {
    parts.push(incident.offered_to === page.me ? t("state.offered_me") : t("state.offered", { to: incident.offered_to }));
  }
  return parts.join(" · ");
}
