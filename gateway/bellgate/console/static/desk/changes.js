// What changed between the picture that a person decided on and the present one, and by whom.

import { known, lineText, whatText } from "../common/elements.js";
import { t } from "../common/texts.js";

const yesNo = (value) => t(value ? "changed.yes" : "changed.no");
const orNobody = (value) => value ?? t("changed.nobody");
const FIELDS = [
  ["handling", (value) => known("handling", value)],
  ["owner", orNobody],
  ["offered_to", orNobody],
  ["disposition", (value) => (value ? t(`disposition.${value}`) : t("changed.none"))],
  ["what", whatText],
  ["signal_count", String],
  ["silent", yesNo],
  ["duress", yesNo],
  ["cancel_asked", yesNo],
  ["restored", yesNo],
  ["tampered", yesNo],
  ["merged_into", (value) => (value === null ? t("changed.none") : t("card.number", { id: value }))],
];
// Lines of the record that raise no version: they can't be why a command came too late.
const SILENT = new Set(["presented", "note", "escalated"]);

// [{label, before, after}], field by field.
export function differences(before, now) {
  return FIELDS.filter(([name]) => before[name] !== now[name]).map(([name, say]) => ({
    label: t(`changed.${name}`), before: say(before[name]), after: say(now[name]),
  }));
}

// The lines of the record that made the difference, as text: each version was raised by one of them.
export function whoDid(before, now) {
  const steps = now.version - before.version;
  if (steps <= 0) return [];
  return now.timeline.filter((line) => !SILENT.has(line.act)).slice(-steps).map(lineText);
}

// Did this person's command reach the record, although its answer was lost?
export function carriedOut(now, act, me, body, sent_ms) {
  return now.timeline.some((line) =>
    line.act === act && line.by === me && line.at_ms >= sent_ms - 5_000
    && (act === "note" ? line.detail.text === body.text : now.version > body.version));
}
