// How a bell is, in words and as a symbol. The same on every page that shows bells.

import { known, make, symbol } from "./elements.js";
import { language, span, t } from "./texts.js";

// The worst first: this is the order of lists, and what stands on top on the map.
export const STATES = ["incident", "silent", "trouble", "ok"];

export function stateOf(bell) {
  if (bell.open_alarms > 0) return "incident";
  if (bell.state === "suspended") return "ok"; // nobody is asked to care
  if (!bell.online) return "silent";
  return bell.troubles.length > 0 ? "trouble" : "ok";
}

export function stateText(bell) {
  const state = stateOf(bell);
  if (state === "ok" && bell.state === "suspended") return t("bell_state.suspended");
  return t(state === "silent" && bell.last_seen_ms === null ? "bell_state.never" : `bell_state.${state}`);
}

export function stateMark(bell) {
  return make("span", { class: `bell-state ${stateOf(bell)}` }, symbol(`bell-${stateOf(bell)}`), make("span", { text: stateText(bell) }));
}

export const agoText = (at_ms, now_ms) => (at_ms === null ? t("health.never") : t("health.ago", { span: roughly(now_ms - at_ms) }));

// Of a span of days only the days: nobody reads the hours of a month.
function roughly(ms) {
  return ms >= 2 * 86_400_000 ? t("span.days", { d: Math.floor(ms / 86_400_000) }) : span(ms);
}

// By the gateway's settings; null: nobody is asked to press it.
export const testOverdue = (bell, now_ms) => bell.test_due_ms !== null && now_ms > bell.test_due_ms;

export const batteryText = (mv) => (mv === null || mv === undefined ? "–" : t("health.volts", { v: (mv / 1000).toFixed(2) }));

export const mainsText = (mains) => (mains === null || mains === undefined ? "–" : t(mains ? "health.mains_on" : "health.mains_off"));

// What the received strength means, beside the figure: a person at the bell can't know what -78 is.
export function signalText(rssi) {
  if (rssi === null || rssi === undefined) return "–";
  return t(rssi >= -67 ? "health.signal_good" : rssi >= -75 ? "health.signal_fair" : "health.signal_weak", { dbm: rssi });
}

export const troubleNames = (kinds) => [...new Set(kinds)].map((kind) => known("trouble", kind)).join(", ");
export const kindText = (bell) => known("kind", bell.kind);

export function dateText(ms) {
  return new Intl.DateTimeFormat(language, { year: "numeric", month: "2-digit", day: "2-digit" }).format(new Date(ms));
}

export function momentText(ms) {
  const options = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(language, options).format(new Date(ms));
}

// What a person may type to find a bell.
export function found(bell, words) {
  const text = [bell.name, bell.address, bell.floor, bell.bell_id, bell.site].join(" ").toLocaleLowerCase();
  return words.every((word) => text.includes(word));
}

export const wordsOf = (typed) => typed.toLocaleLowerCase().split(/\s+/).filter(Boolean);

export function byUrgency(a, b) {
  return STATES.indexOf(stateOf(a)) - STATES.indexOf(stateOf(b)) || a.name.localeCompare(b.name, language);
}
