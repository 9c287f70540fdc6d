// One bell: how it is, its past, and where it hangs, to be put right and confirmed.

import { agoText, batteryText, dateText, kindText, mainsText, momentText, signalText, stateMark, testOverdue } from "../common/bells.js";
import { get, post } from "../common/api.js";
import { known, make, whatText } from "../common/elements.js";
import { RIGHTS } from "../common/frame.js";
import { detailOf, remedyOf, titleOf } from "../common/troubles.js";
import { span, t } from "../common/texts.js";
import { MAY, pastOf } from "./press.js";

const byId = (id) => document.getElementById(id);
// As the gateway takes them at most.
const FIELDS = [["name", 100], ["address", 200], ["floor", 40], ["entrance", 500], ["approach", 500]];

export class Detail {
  #element;
  #now_ms;
  #changed;
  #press;
  #bell = null;
  #editing = false;
  #message = null; // {key, problem}
  bell_id = null;
  onClose = () => {};

  // changed: called when the gateway has taken a change. press: the PressTests.
  constructor(element, now_ms, changed, press) {
    this.#element = element;
    this.#now_ms = now_ms;
    this.#changed = changed;
    this.#press = press;
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      if (this.#editing) this.#edit(false);
      else this.close();
    });
  }

  get open() {
    return this.bell_id !== null;
  }

  async show(bell_id) {
    this.bell_id = bell_id;
    const { status, body } = await get(`/api/v1/bells/${encodeURIComponent(bell_id)}`);
    if (this.bell_id !== bell_id) return;
    this.#bell = status === 200 ? body : null;
    this.#editing = false;
    this.#message = status === 200 ? null : { key: status === 404 ? "bells.gone" : "bells.no_answer", problem: true };
    this.draw();
    this.#element.focus({ preventScroll: true });
    if (matchMedia("(max-width: 62rem)").matches) this.#element.scrollIntoView();
    history.replaceState(null, "", `#${bell_id}`);
  }

  // Read anew what stands there, unless somebody is at work in it.
  async again() {
    const { bell_id } = this;
    const { status, body } = bell_id === null ? {} : await get(`/api/v1/bells/${encodeURIComponent(bell_id)}`);
    const at = this.#element.contains(document.activeElement) ? document.activeElement : null;
    if (status !== 200 || this.bell_id !== bell_id || this.#editing || at?.matches("input")) return;
    this.#bell = body;
    this.draw();
    if (at?.id) byId(at.id)?.focus({ preventScroll: true });
  }

  close() {
    const { bell_id } = this;
    this.bell_id = this.#bell = null;
    this.draw();
    history.replaceState(null, "", location.pathname);
    this.onClose(bell_id);
  }

  draw() {
    document.body.dataset.detail = String(this.open);
    this.#element.hidden = !this.open;
    if (!this.open) return;
    const said = this.#message && make("p", { class: this.#message.problem ? "problem" : "said", role: "status", text: t(this.#message.key) });
    const close = make("button", { type: "button", class: "quiet close", text: t("bells.close") });
    close.addEventListener("click", () => this.close());
    const bell = this.#bell;
    const title = make("h2", { id: "detail-title", text: bell?.name ?? this.bell_id });
    const parts = bell === null ? [] : this.#editing ? [this.#form(bell)] : this.#read(bell);
    this.#element.replaceChildren(make("header", {}, title, close), ...(said ? [said] : []), ...parts);
  }

  #read(bell) {
    const place = [bell.address, bell.floor].filter(Boolean).join(" · ");
    const confirmed = bell.confirmed_ms === null ? t("bells.unconfirmed") : t("bells.confirmed", { date: dateText(bell.confirmed_ms), by: bell.confirmed_by });
    const position = bell.lat === null ? t("bells.no_position") : `${bell.lat.toFixed(5)}, ${bell.lon.toFixed(5)}`;
    const parts = [
      stateMark({ ...bell, troubles: bell.troubles }),
      make("p", { class: "address", text: place }),
      facts([["entrance", bell.entrance || "–"], ["approach", bell.approach || "–"], ["position", position], ["confirmation", confirmed]]),
      ...this.#proved(bell),
    ];
    if (RIGHTS.has("change_bells")) {
      const edit = make("button", { type: "button", id: "edit", text: t("bells.edit") });
      edit.addEventListener("click", () => this.#edit(true));
      parts.push(make("p", { class: "row" }, edit));
    }
    parts.push(...this.#troubles(bell), ...this.#tested(bell), make("h3", { text: t("bells.health") }), this.#health(bell));
    parts.push(make("h3", { text: t("bells.past") }), ...this.#past(bell));
    parts.push(make("h3", { text: t("bells.owners") }), make("p", { text: bell.owners.join(", ") || t("bells.no_owner") }));
    if (RIGHTS.has("people")) parts.push(this.#ownersForm(bell));
    return parts;
  }

  // Was it ever proved where it hangs, and whose place does it take?
  #proved(bell) {
    const proved = bell.commissioned_ms === null ? t("bells.unproved") : t("bells.proved", { date: dateText(bell.commissioned_ms), by: bell.commissioned_by });
    const pairs = [["commissioning", proved]];
    if (bell.enrolment === "waiting") pairs.push(["enrolment", t("bells.waiting")]);
    if (bell.replaces) pairs.push(["replaces", bell.replaces]);
    if (bell.replaced_by) pairs.push(["replaced_by", bell.replaced_by]);
    const parts = [facts(pairs)];
    if (bell.certificate) {
      const href = `/api/v1/bells/${encodeURIComponent(bell.bell_id)}/commissioning/${bell.certificate}/pdf`;
      parts.push(make("p", {}, make("a", { href, id: "certificate", text: t("bells.certificate") })));
    }
    return parts;
  }

  #troubles(bell) {
    if (bell.troubles.length === 0) return [];
    const lines = bell.troubles.map((each) =>
      make("li", {}, make("strong", { text: titleOf(each) }), detailOf(each), make("small", { text: remedyOf(each) })));
    return [make("h3", { text: t("bells.trouble") }), make("ul", { class: "troubles" }, ...lines)];
  }

  // When it was last pressed as a test, and the one that runs.
  #tested(bell) {
    const due = bell.test_due_ms === null ? "–" : dateText(bell.test_due_ms);
    const past = make("ul", { class: "cases" });
    pastOf(bell.bell_id).then((lines) => past.replaceChildren(...lines));
    const parts = [make("h3", { text: t("press.title") }), facts([["test_due", due]]), make("div", { id: "press-here" }, ...this.#running()), past];
    if (MAY && bell.state !== "revoked") {
      const begin = make("button", { type: "button", id: "press-one", text: t("press.begin") });
      begin.addEventListener("click", () => this.#press.ask([bell.bell_id], bell.name));
      parts.push(make("p", { class: "row" }, begin));
    }
    return parts;
  }

  #running() {
    const test = this.#press.of(this.bell_id);
    return test === null ? [] : [this.#press.view(test)];
  }

  // The test has gone on: nothing else of the bell has to be said anew.
  drawPress() {
    this.#element.querySelector("#press-here")?.replaceChildren(...this.#running());
  }

  #health(bell) {
    const { health } = bell;
    const now_ms = this.#now_ms();
    const test = bell.last_test;
    const outcome = test && (test.disposition ? known("disposition", test.disposition) : known("test_stage", test.stage));
    const tested = test ? `${agoText(test.at_ms, now_ms)} (${outcome})` : t("health.never");
    const late = testOverdue(bell, now_ms);
    return facts([
      ["last_seen", agoText(bell.last_seen_ms, now_ms)],
      ["last_test", late ? t("bells.overdue", { when: tested }) : tested],
      ["battery", batteryText(health?.bat_mv)], ["mains", mainsText(health?.mains)], ["signal", signalText(health?.rssi)],
      ["firmware", health?.fw ?? "–"], ["up", health?.up_s === undefined ? "–" : span(health.up_s * 1000)],
      ["pending", health?.pending ?? "–"], ["heap", health?.heap === undefined ? "–" : t("bells.kb", { kb: Math.round(health.heap / 1000) })],
      ["crashes", health?.crash ?? "–"], ["faults", (health?.faults ?? []).join(", ") || "–"],
      ["kind", kindText(bell)], ["area", bell.site], ["number", bell.bell_id], ["enrolled", dateText(bell.enrolled_ms)],
    ]);
  }

  #past(bell) {
    const closed = Object.values(bell.closed_365d).reduce((sum, n) => sum + n, 0);
    const counts = Object.entries(bell.closed_365d).map(([name, n]) => `${known("disposition", name)} ${n}`).join(" · ");
    const summary = closed === 0 ? t("bells.no_alarm") : t("bells.false_alarms", { n: bell.false_365d, of: closed });
    const parts = [make("p", { text: summary })];
    if (counts) parts.push(make("p", { class: "nothing", text: counts }));
    if (bell.incidents.length > 0) {
      const lines = bell.incidents.map((each) => {
        const end = each.handling === "closed" ? known("disposition", each.disposition) : known("handling", each.handling);
        return make("li", { text: `${momentText(each.opened_ms)} · ${whatText(each.what)} · ${end}` });
      });
      parts.push(make("ul", { class: "cases" }, ...lines));
    }
    return parts;
  }

  #edit(on) {
    this.#editing = on;
    this.#message = null;
    this.draw();
    this.#element.querySelector(on ? "#place-name" : "#edit")?.focus();
  }

  #form(bell) {
    const form = make("form", { id: "place" });
    for (const [name, most] of FIELDS) {
      const input = make("input", { id: `place-${name}`, name, maxlength: most, autocomplete: "off" });
      input.value = bell[name];
      if (name === "name" || name === "address") input.required = true;
      form.append(make("label", { for: `place-${name}`, text: t(`bells.${name}`) }), input);
      if (name === "approach") {
        input.setAttribute("aria-describedby", "approach-hint");
        form.append(make("small", { id: "approach-hint", class: "nothing", text: t("bells.approach_hint") }));
      }
    }
    const position = make("input", { id: "place-position", name: "position", autocomplete: "off", inputmode: "text", "aria-describedby": "position-hint" });
    position.value = bell.lat === null ? "" : `${bell.lat}, ${bell.lon}`;
    const confirm = make("input", { id: "place-confirm", name: "confirm", type: "checkbox" });
    const save = make("button", { class: "primary", text: t("dialog.save") });
    const cancel = make("button", { type: "button", class: "quiet", text: t("dialog.cancel") });
    cancel.addEventListener("click", () => this.#edit(false));
    form.append(
      make("label", { for: "place-position", text: t("bells.position") }), position,
      make("small", { id: "position-hint", class: "nothing", text: t("bells.position_hint") }),
      make("label", { class: "check", for: "place-confirm" }, confirm, make("span", { text: t("bells.confirm") })),
      make("div", { class: "row" }, save, cancel));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save(form, save);
    });
    return form;
  }

  async #save(form, button) {
    const typed = form.position.value.trim();
    const numbers = typed === "" ? [null, null] : typed.split(/[\s,]+/).map(Number);
    if (numbers.length !== 2 || numbers.some((each) => Number.isNaN(each))) {
      this.#tell("bells.wrong_position", true);
      form.position.focus();
      return;
    }
    const given = { seen: this.#bell.seen, lat: numbers[0], lon: numbers[1], confirm: form.confirm.checked };
    for (const [name] of FIELDS) given[name] = form.elements[name].value;
    button.disabled = true;
    button.textContent = t("bells.saving");
    await this.#settle(await post(`/api/v1/bells/${this.bell_id}/place`, given));
    button.disabled = false;
    button.textContent = t("dialog.save");
  }

  async #settle({ status, body }) {
    if (status === 200) {
      this.#bell = body;
      this.#editing = false;
      this.#message = { key: "bells.saved", problem: false };
      this.draw();
      this.#element.focus();
      this.#changed();
    } else if (status === 409) {
      await this.show(this.bell_id);
      this.#message = { key: "bells.stale", problem: true };
      this.draw();
    } else {
      this.#tell(status === 0 || status === 503 ? "bells.no_answer" : "bells.refused", true);
    }
  }

  // Beside what was typed: nothing of that is lost.
  #tell(key, problem) {
    this.#message = { key, problem };
    this.#element.querySelector(":scope > .problem, :scope > .said")?.remove();
    this.#element.querySelector("header").after(make("p", { class: problem ? "problem" : "said", role: "alert", text: t(key) }));
  }

  #ownersForm(bell) {
    const input = make("input", { id: "owners", autocomplete: "off", "aria-describedby": "owners-hint" });
    input.value = bell.owners.join(", ");
    const save = make("button", { text: t("dialog.save") });
    const form = make("form", { class: "owners" }, make("label", { for: "owners", text: t("bells.set_owners") }), input,
      make("small", { id: "owners-hint", class: "nothing", text: t("bells.owners_hint") }), make("div", { class: "row" }, save));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const owners = input.value.split(",").map((name) => name.trim()).filter(Boolean);
      const answer = await post(`/api/v1/bells/${this.bell_id}/owners`, { seen: bell.owners, owners });
      if (answer.status === 422) this.#tell("bells.no_such_owner", true);
      else await this.#settle(answer);
    });
    return form;
  }
}

function facts(pairs) {
  return make("dl", { class: "facts-list" }, ...pairs.map(([name, text]) =>
    make("div", {}, make("dt", { text: t(`bells.${name}`) }), make("dd", { text: String(text) }))));
}
