// What a person can do with an incident, in the order of the buttons, each with its key. Keys are places on the keyboard
// (KeyA), not letters: they work while the keyboard is set to Hangul.

import { t } from "../common/texts.js";

export const unattended = (incident) => incident.handling === "received" || incident.handling === "presented";

export const ACTIONS = [
  { action: "acknowledge", code: "KeyA", size: "large" },
  { action: "dispatch", code: "KeyD", size: "large" },
  { action: "close", code: "KeyX", size: "large" },
  { action: "en_route", code: "KeyE" },
  { action: "on_scene", code: "KeyS" },
  { action: "clear", code: "KeyC" },
  { action: "note", code: "KeyN" },
  { action: "handoff", code: "KeyH" },
  { action: "decline", code: "KeyW" },
  { action: "merge", code: "KeyM" },
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

export function nextAction(incident, me) {
  if (incident.offered_to === me) return "handoff";
  if (incident.test) return unattended(incident) ? "acknowledge" : "close";
  return NEXT_STEP[incident.handling];
}

export function actionLabel(action, incident, me) {
  if (action === "acknowledge" && incident.owner === me && incident.handling === "acknowledged") return t("action.renew");
  if (action === "handoff" && incident.offered_to === me) return t("action.accept");
  if (action === "decline" && incident.owner === me) return t("action.withdraw");
  return t(`action.${action}`);
}

// table: {handling: [action, …]} from the gateway. Declining is the other answer to a hand-off.
export function possible(table, action, incident, me) {
  const mine = incident.owner === me;
  const offered = incident.offered_to;
  if (action === "decline") return offered !== null && (mine || offered === me);
  if (!table[incident.handling]?.includes(action)) return false;
  if (action === "acknowledge") return unattended(incident) || mine || incident.owner === null;
  if (action === "handoff") return mine || offered === me;
  return true;
}
