// What happens next if nobody does anything: to whom, and in how many seconds.

import { span, t } from "../common/texts.js";

// In which handling a step of an escalation is carried out; as core/escalation.py has it.
const WAITS_FOR = {
  unseen: ["received"],
  unacknowledged: ["received", "presented"],
  undispatched: ["received", "presented", "acknowledged"],
};

// {at_ms, names} of the next step that will tell somebody, or null. A step whose reason is gone is passed over; one that
// nobody attends now is skipped, and the next takes its turn.
// watched: is a console attended? Steps that reach consoles alone are skipped while none is.
function nextStep(incident, plans, watched) {
  const { policy, step, next_ms } = incident.escalation;
  if (next_ms === null) return null;
  const plan = plans[policy] ?? plans.default;
  if (!plan) return { at_ms: next_ms, names: [] };
  const steps = plan.steps.slice(Math.min(step, plan.steps.length - 1));
  let at_ms = next_ms;
  let turn = false; // nobody attends the one before: the next one is told at that time already
  for (const each of steps) {
    if (!turn) at_ms = next_ms + each.after_ms - steps[0].after_ms;
    if (!WAITS_FOR[each.when]?.includes(incident.handling)) continue;
    if (each.attended && (watched || !each.screens_only)) return { at_ms, names: each.names };
    turn = true;
  }
  return { at_ms, names: steps.at(-1).names };
}

export function nextText(incident, page, now_ms) {
  const next = nextStep(incident, page.plans, page.watched);
  if (next === null) return "";
  const everyone = next.names.length === 0 || next.names.includes("*");
  const names = everyone ? t("next.everyone") : next.names.join(", ");
  const left = next.at_ms - now_ms;
  return left > 0 ? t("next.escalation", { span: span(left), names }) : t("next.escalation_now", { names });
}
