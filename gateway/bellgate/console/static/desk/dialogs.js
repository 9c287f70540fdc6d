// The questions of the page: choose one of several by a digit, a line of text, and the help.

import { make } from "../common/elements.js";
import { t } from "../common/texts.js";

const byId = (id) => document.getElementById(id);
const choosing = byId("choose-dialog");
const asking = byId("text-dialog");
const helping = byId("help-dialog");
const list = byId("choose-list");
const field = byId("choose-input");
const input = byId("text-input");

export const anyOpen = () => choosing.open || asking.open || helping.open;

// choices: [{value, text, note, digit}], or a promise of them: a digit typed before they are there is not lost.
// field: {label, sends}, a line of text besides; sends: what is typed there is an answer by itself.
// Resolves to {value, text}, value null if only a text was given; or null.
export function choose({ title, hint, choices, empty = "", field: asked = null }) {
  byId("choose-title").textContent = title;
  byId("choose-hint").textContent = hint;
  byId("choose-field").hidden = asked === null;
  byId("choose-send").hidden = !asked?.sends;
  byId("choose-label").textContent = asked?.label ?? "";
  field.value = "";
  list.replaceChildren();
  return new Promise((done) => {
    let digits = null;
    let early = null;
    let answer = null;
    const finish = (value) => {
      answer = { value, text: field.value.trim() || null };
      choosing.close();
    };
    const press = (digit) => {
      if (digits === null) early = digit;
      else if (digits.has(digit)) finish(digits.get(digit));
    };
    const byKey = (event) => {
      if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.target === field) {
        if (event.key !== "Enter") return;
        event.preventDefault();
        if (!asked.sends) list.querySelector("button")?.focus();
        else if (field.value.trim()) finish(null);
        return;
      }
      const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
      if (digit && !event.repeat) press(Number(digit));
      else if (event.code === "ArrowDown" || event.code === "ArrowUp") step(event.code === "ArrowDown" ? 1 : -1);
      else if (event.code === "KeyN" && asked) field.focus();
      else return;
      event.preventDefault();
    };
    const send = () => field.value.trim() && finish(null);
    const over = new AbortController();
    choosing.addEventListener("keydown", byKey, { signal: over.signal });
    byId("choose-send").addEventListener("click", send, { signal: over.signal });
    choosing.addEventListener("close", () => {
      over.abort();
      done(answer);
    }, { once: true });
    choosing.showModal();
    Promise.resolve(choices).then((found) => {
      if (over.signal.aborted) return;
      digits = new Map(found.filter(({ digit }) => digit).map(({ digit, value }) => [digit, value]));
      list.replaceChildren(...found.map(({ value, text, note, digit }) => {
        const button = make("button", { type: "button" }, ...(digit ? [make("kbd", { text: digit })] : []), make("span", { text }));
        if (note) button.append(make("small", { text: note }));
        button.dataset.value = value;
        button.addEventListener("click", () => finish(value));
        return button;
      }));
      if (found.length === 0) list.append(make("p", { text: empty }));
      else if (document.activeElement !== field) list.querySelector("button").focus();
      if (early !== null) press(early);
    });
  });
}

function step(by) {
  const buttons = [...list.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  buttons[(at + by + buttons.length) % buttons.length]?.focus();
}

// Resolves to a text that is not empty, or null. begin: what stands in the field at first.
export function askText(title, label, maxLength, begin = "") {
  byId("text-title").textContent = title;
  byId("text-label").textContent = label;
  input.value = begin;
  input.maxLength = maxLength;
  return new Promise((done) => {
    let answer = null;
    const save = (event) => {
      event.preventDefault();
      answer = input.value.trim() || null;
      asking.close();
    };
    const form = byId("text-form");
    form.addEventListener("submit", save);
    asking.addEventListener("close", () => {
      form.removeEventListener("submit", save);
      done(answer);
    }, { once: true });
    asking.showModal();
    input.focus();
  });
}

// keys: [[key, text]]
export function showHelp(keys) {
  byId("help-title").textContent = t("help.title");
  byId("help-keys").replaceChildren(...keys.flatMap(([key, text]) => [make("dt", {}, make("kbd", { text: key })), make("dd", { text })]));
  if (!helping.open) helping.showModal();
}

byId("text-cancel").addEventListener("click", () => asking.close());
