// What a person decides, on its way to the gateway. Nothing counts as done before the gateway says so; when its answer
// is lost, the page looks and says which it was.

import { get, post } from "../common/api.js";
import { known, whatText } from "../common/elements.js";
import { t } from "../common/texts.js";
import { carriedOut, differences, whoDid } from "./changes.js";
import { askText, choose } from "./dialogs.js";

const NOTE_MAX = 2_000;
const NAME_MAX = 64;
const LOOK_EVERY_MS = 2_000;
// A command that is not in the record at the second look did not arrive: the gateway gives up after five seconds.
const LOOKS = 3;
const LOOKS_MAX = 60; // two minutes without the gateway: then nobody knows, and the page says so
const GOOD_NEWS_MS = 8_000;
const CHOICES_MAX = 60;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const numbered = (choices) => choices.map((each, index) => ({ ...each, digit: index < 9 ? index + 1 : null }));

// Where it goes, and under which name the record knows it.
const PATH = { decline: "handoff" };

export class Work {
  // page: as in Card. after(incident): the gateway's answer is to be shown. over(): the session is over.
  constructor(page, board, closed, notice, { after, over }) {
    this.page = page;
    this.board = board;
    this.closed = closed;
    this.notice = notice;
    this.after = after;
    this.over = over;
  }

  async do(action, card) {
    const { incident } = card;
    if (card.saving !== null) return;
    if (!this.page.may(action, incident)) return this.#cannot(action, card);
    // Refused a moment ago because the incident had changed: pressed again, it is meant for the present state.
    const kept = card.intention?.action === action ? card.intention.body : null;
    const body = kept ?? (await this.#ask(action, card));
    if (body === null || card.saving !== null) return;
    await this.#send(action, card, incident, body);
  }

  // A key is never swallowed: while the picture is not fresh, the person is told that nothing was sent.
  #cannot(action, card) {
    if (this.page.unsendable(action, card.incident)) card.endSaving(() => ({ text: t("refused.not_fresh", { action: t(`action.${action}`) }) }));
  }

  // What the action needs to know, or null if the person leaves it.
  async #ask(action, card) {
    const { incident } = card;
    const title = t("dialog.title", { action: t(`action.${action}`), name: incident.name });
    switch (action) {
      case "close":
        return this.#askDisposition(title);
      case "note": {
        const text = await askText(title, t("note.label"), NOTE_MAX);
        return text === null ? null : { text };
      }
      case "handoff":
        return incident.offered_to === this.page.me ? { accept: true } : this.#askColleague(title, incident);
      case "decline":
        return { decline: true };
      case "merge":
        return this.#askOther(title, card);
      default:
        return {};
    }
  }

  async #askDisposition(title) {
    const values = JSON.parse(document.body.dataset.dispositions);
    const choices = numbered(values.map((value) => ({ value, text: t(`disposition.${value}`) })));
    const given = await choose({ title, hint: t("close.question"), choices, field: { label: t("close.note"), sends: false } });
    if (given === null) return null;
    return { disposition: given.value, ...(given.text ? { text: given.text } : {}) };
  }

  async #askColleague(title, incident) {
    const found = get(`/api/v1/incidents/${incident.id}/colleagues`).then(({ status, body }) =>
      numbered((status === 200 ? body.items : []).map((one) => ({
        value: one.name,
        text: one.name,
        note: [known("role", one.role), t(one.on_watch ? "colleague.on_watch" : one.signed_in ? "colleague.signed_in" : "colleague.away")].join(" · "),
      }))));
    const field = { label: t("handoff.label"), sends: true };
    const given = await choose({ title, hint: t("handoff.question"), choices: found, empty: t("handoff.nobody"), field });
    if (given === null) return null;
    return { to: given.value ?? given.text.slice(0, NAME_MAX) };
  }

  // The others by their own numbers, so that the key is the one on the card; those of the same place first.
  async #askOther(title, card) {
    const { incident } = card;
    const others = [...this.board.order, ...this.board.tests].filter((other) => other !== card && other.incident.test === incident.test);
    const near = (other) => other.incident.site === incident.site;
    others.sort((a, b) => near(b) - near(a));
    const choices = others.slice(0, CHOICES_MAX).map((other) => ({
      value: other.incident.id,
      text: `${whatText(other.incident.what)} · ${other.incident.name}`,
      note: other.incident.address,
      digit: other.slot,
    }));
    const given = await choose({ title, hint: t("merge.question"), choices, empty: t("merge.nobody") });
    return given === null ? null : { into: given.value };
  }

  async #send(action, card, seen, given) {
    const body = { version: seen.version, ...given };
    const sent_ms = this.page.now_ms();
    card.startSaving(action);
    const answer = await post(`/api/v1/incidents/${seen.id}/${PATH[action] ?? action}`, body);
    if (answer.status === 0 || answer.status === 503) await this.#look(action, card, seen, body, sent_ms);
    else this.#settle(action, card, seen, given, answer);
  }

  #settle(action, card, seen, given, { status, body }) {
    if (status === 200) {
      card.endSaving();
      this.after(body);
    } else if (status === 409 && body?.error.incident) {
      this.#refused(action, card, seen, given, body.error);
    } else if (status === 401) {
      card.endSaving();
      this.over();
    } else {
      const key = status === 403 ? "refused.forbidden" : "refused.other";
      card.endSaving(() => ({ text: t(key, { action: t(`action.${action}`), message: body?.error?.message ?? "" }) }));
    }
  }

  // Somebody was faster. Nothing is overwritten; what the person wanted is kept for one more press.
  #refused(action, card, seen, given, { code, incident: now }) {
    const say = () => ({
      text: t(`refused.${code}`, { action: t(`action.${action}`) }),
      changes: differences(seen, now),
      lines: whoDid(seen, now),
    });
    if (now.handling === "closed") {
      card.endSaving();
      this.notice.show(() => ({ text: t("refused.closed", { action: t(`action.${action}`), name: now.name }), lines: say().lines }));
    } else {
      const label = given.disposition ? () => `${t(`action.${action}`)} · ${t(`disposition.${given.disposition}`)}` : null;
      card.endSaving(say, { action, body: given, label });
    }
    this.after(now);
  }

  // No answer came, and nobody knows whether it was carried out: look until it is known.
  async #look(action, card, seen, body, sent_ms) {
    card.startLooking();
    const act = PATH[action] ?? action;
    const places = () => ({ action: t(`action.${action}`), name: seen.name });
    let looks = 0;
    for (let tries = 0; tries < LOOKS_MAX; tries += 1) {
      const { status, body: now } = await get(`/api/v1/incidents/${seen.id}`);
      if (status === 401) {
        card.endSaving();
        return this.over();
      }
      if (status === 200) {
        looks += 1;
        if (carriedOut(now, act, this.page.me, body, sent_ms)) {
          const good = () => ({ text: t("looked.stored", places()), good: true });
          card.endSaving(good);
          setTimeout(() => card.problem === good && card.dismiss(), GOOD_NEWS_MS);
          if (now.handling === "closed") this.notice.show(good);
          return this.after(now);
        }
        this.after(now);
        if (looks >= LOOKS) {
          const { version: _, ...given } = body;
          return card.endSaving(() => ({ text: t("looked.not_stored", places()) }), { action, body: given });
        }
      }
      await pause(LOOK_EVERY_MS);
    }
    card.endSaving(() => ({ text: t("looked.unknown", places()) }));
  }

  // Two keys: O, and the number of one that was closed a moment ago.
  async askReopen() {
    const choices = numbered(this.closed.cases.map((incident) => ({
      value: incident.id, text: incident.name, note: this.closed.text(incident),
    })));
    const title = t("action.reopen");
    const given = await choose({ title, hint: t("reopen.question"), choices, empty: t("reopen.nobody") });
    const incident = this.closed.cases.find((each) => each.id === given?.value);
    if (incident) await this.reopen(incident);
  }

  async reopen(incident) {
    const { status, body } = await post(`/api/v1/incidents/${incident.id}/reopen`, { version: incident.version });
    if (status === 200) {
      this.after(body);
      return;
    }
    if (status === 401) return this.over();
    const now = body?.error?.incident;
    const lines = now ? whoDid(incident, now) : [];
    this.notice.show(() => ({ text: t("refused.reopen", { name: incident.name }), lines }));
    if (now) this.after(now);
  }
}
