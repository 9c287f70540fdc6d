// The trouble list, wherever it is shown. What the gateway has no words for stands as it came.

import { known, make, whatText } from "./elements.js";
import { clock, has, t } from "./texts.js";

export class Troubles {
  #troubles = new Map();
  #unfolded = new Set();
  #list;
  #count;
  #nothing;

  // The elements: a list, how many there are, and what stands there when there is none.
  constructor(list, count, nothing) {
    this.#list = list;
    this.#count = count;
    this.#nothing = nothing;
  }

  replace(troubles) {
    this.#troubles.clear();
    for (const each of troubles) this.#troubles.set(each.id, each);
    this.draw();
  }

  // A live event.
  take({ change, trouble }) {
    if (change === "cleared" || change === "gathered") this.#troubles.delete(trouble.id);
    else this.#troubles.set(trouble.id, trouble);
    this.draw();
  }

  draw() {
    const items = [...this.#troubles.values()].sort((a, b) => b.last_ms - a.last_ms);
    this.#list.replaceChildren(...items.map((each) => line(each, this.#unfolded)));
    this.#count.textContent = items.length;
    this.#nothing.hidden = items.length > 0;
  }
}

export const titleOf = ({ kind }) => (has(`trouble.${kind}`) ? t(`trouble.${kind}`) : kind);

function line(each, unfolded) {
  const times = each.count > 1 ? t("trouble.times", { n: each.count }) : "";
  const when = [t("trouble.since", { time: clock(each.raised_ms) }), times].filter(Boolean).join(" · ");
  const item = make("li", {}, make("strong", { text: titleOf(each) }), make("span", { text: each.subject }),
    detailOf(each), make("small", { text: when }));
  const remedy = remedyOf(each);
  if (remedy) item.append(make("small", { text: remedy }));
  if (each.members) item.append(membersOf(each, unfolded));
  return item;
}

// In the page's language.
export function detailOf(each) {
  const key = `trouble_detail.${each.members ? "storm" : each.kind}`;
  if (!has(key) || !each.values) return make("small", { text: each.detail, lang: "en" });
  const places = { subject: each.subject, ...each.values };
  if (places.what) places.what = whatText(places.what);
  if (places.why) places.why = known("why", places.why);
  return make("small", { text: t(key, places) });
}

export function remedyOf(each) {
  const key = `trouble_remedy.${each.members ? "storm" : each.kind}`;
  return has(key) ? t("trouble.remedy", { remedy: t(key) }) : "";
}

// A storm of one kind in one area: its bells, unfolded on demand; it stays unfolded when one of them changes.
// show: what stands for one of them.
export function membersOf(each, unfolded, show = (one) => one.subject) {
  const more = each.bells > each.members.length ? [make("li", { text: "…" })] : [];
  const list = make("ul", {}, ...each.members.map((one) => make("li", {}, show(one))), ...more);
  const details = make("details", {}, make("summary", { text: t("trouble.members", { bells: each.bells }) }), list);
  details.open = unfolded.has(each.id);
  details.addEventListener("toggle", () => (details.open ? unfolded.add(each.id) : unfolded.delete(each.id)));
  return details;
}
