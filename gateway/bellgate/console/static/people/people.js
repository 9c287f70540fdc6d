// Operators: who may sign in, as what, and where.

import { get, post } from "../common/api.js";
import { known, make } from "../common/elements.js";
import { frame, me } from "../common/frame.js";
import { has, moment, t } from "../common/texts.js";

const byId = (id) => document.getElementById(id);
const ROLES = ["dispatcher", "supervisor", "control-centre", "installer", "owner", "auditor", "administrator"];
const dialog = byId("person-dialog");
const WORDS = /[\s,]+/;

let people = [];
let open = null; // whom the dialog is about; null: somebody new

const roleText = (role) => known("role", role);

async function load() {
  const { status, body } = await get("/api/v1/people");
  byId("problem").hidden = status === 200;
  if (status !== 200) byId("problem").textContent = refusal(status, body);
  else people = body.items;
  drawTable();
  document.body.dataset.drawn = "true";
}

function refusal(status, body) {
  if (status === 0) return t("people.no_answer");
  return t("people.refused", { message: body?.error?.message ?? status });
}

function drawTable() {
  byId("count").textContent = t("people.count", { n: people.length });
  byId("people").replaceChildren(...people.map(row));
}

function row(one) {
  const name = make("th", { scope: "row" }, make("strong", { text: one.name }));
  if (one.name === me) name.append(make("small", { text: t("people.you") }));
  const manage = make("button", { type: "button", text: t("people.manage"), "aria-label": t("people.manage_one", { name: one.name }) });
  manage.addEventListener("click", () => edit(one));
  const seen = one.signed_in_ms === null ? t("people.never") : moment(one.signed_in_ms);
  const element = make("tr", {}, name, cell("people.role", roleText(one.role)), areas(one), cell("people.factor", factor(one)),
    cell("people.signed_in", seen), cell("people.state", state(one)), make("td", {}, manage));
  element.dataset.state = one.disabled_ms === null ? "active" : "disabled";
  element.dataset.name = one.name;
  return element;
}

// On a narrow screen there is no row of titles: each cell has its own.
function cell(title, ...content) {
  return make("td", { "data-label": t(title) }, ...content);
}

function areas(one) {
  if (one.areas.length === 0) return cell("people.areas", t("people.everywhere"));
  return cell("people.areas", make("span", {}, ...one.areas.map((area) => make("span", { class: "area", text: area }))));
}

function factor(one) {
  const parts = [];
  if (one.totp) parts.push(t("people.factor_code"));
  if (one.passkeys) parts.push(t("people.factor_passkeys", { n: one.passkeys }));
  return parts.join(" · ") || t("people.factor_none");
}

function state(one) {
  if (one.disabled_ms !== null) return make("span", { class: "state disabled", text: t("people.state_disabled") });
  if (one.password_due) return make("span", { class: "state due", text: t("people.state_due") });
  return make("span", { class: "state", text: t("people.state_active") });
}

function edit(one) {
  open = one;
  byId("person-title").textContent = one ? one.name : t("people.add");
  byId("name-field").hidden = one !== null;
  byId("person-name").required = one === null;
  byId("person-name").value = "";
  byId("person-role").replaceChildren(...ROLES.map((role) => make("option", { value: role, text: roleText(role) })));
  byId("person-role").value = one?.role ?? "dispatcher";
  byId("person-areas").value = one?.areas.join(" ") ?? "";
  byId("person-save").textContent = t(one ? "people.save" : "people.add");
  byId("person-problem").hidden = true;
  const self = one?.name === me;
  for (const id of ["person-role", "person-areas", "person-save"]) byId(id).disabled = self;
  if (self) complain(t("people.not_yourself"));
  drawAbout();
  byId("more").hidden = one === null || self;
  byId("changes").replaceChildren(...changes(one).map((what) => choice(what, one)));
  dialog.showModal();
}

function changes(one) {
  if (!one) return [];
  const some = one.disabled_ms === null ? ["password", "second-factor", "sessions", "disable"] : ["enable"];
  return some.filter((what) => what !== "second-factor" || one.totp || one.passkeys > 0).filter((what) => what !== "sessions" || one.sessions > 0);
}

function choice(what, one) {
  const button = make("button", { type: "button", text: t(`people_do.${key(what)}`) });
  button.dataset.change = what;
  if (what === "sessions") button.append(make("small", { text: t("people.sessions", { n: one.sessions }) }));
  button.addEventListener("click", () => carryOut(what, one));
  return button;
}

const key = (what) => what.replace("-", "_");

function drawAbout() {
  byId("role-about").textContent = t(`role_about.${byId("person-role").value.replace("-", "_")}`);
}

function complain(text) {
  byId("person-problem").textContent = text;
  byId("person-problem").hidden = false;
}

async function save(event) {
  event.preventDefault();
  const role = byId("person-role").value;
  const given = { name: open?.name ?? byId("person-name").value.trim(), role, areas: byId("person-areas").value.split(WORDS).filter(Boolean) };
  byId("person-save").disabled = true;
  const { status, body } = await post(open ? "/api/v1/people/change" : "/api/v1/people", given);
  byId("person-save").disabled = false;
  if (status !== 200) return complain(refusal(status, body));
  dialog.close();
  await load();
  if (!open) showOnce(body);
}

async function carryOut(what, one) {
  if (!(await sure(what, one))) return;
  const { status, body } = await post(`/api/v1/people/${what}`, { name: one.name });
  if (status !== 200) return complain(refusal(status, body));
  dialog.close();
  await load();
  if (what === "password") showOnce(body);
}

// Says what will happen; resolves to true or false.
function sure(what, one) {
  const asking = byId("sure-dialog");
  byId("sure-title").textContent = `${one.name}: ${t(`people_do.${key(what)}`)}`;
  byId("sure-text").textContent = t(`people_about.${key(what)}`);
  byId("sure-yes").textContent = t(`people_do.${key(what)}`);
  return new Promise((done) => {
    let answer = false;
    const yes = () => {
      answer = true;
      asking.close();
    };
    byId("sure-yes").addEventListener("click", yes);
    asking.addEventListener("close", () => {
      byId("sure-yes").removeEventListener("click", yes);
      done(answer);
    }, { once: true });
    asking.showModal();
  });
}

function showOnce({ person, password }) {
  byId("once-title").textContent = t("people.once_title", { name: person.name });
  byId("once").textContent = password;
  byId("once-dialog").showModal();
}

// Everything anew, in the language that is chosen now.
function draw() {
  drawTable();
  if (dialog.open && has(`role.${byId("person-role").value}`)) drawAbout();
}

byId("add").addEventListener("click", () => edit(null));
byId("person-form").addEventListener("submit", save);
byId("person-cancel").addEventListener("click", () => dialog.close());
byId("person-role").addEventListener("change", drawAbout);
byId("sure-no").addEventListener("click", () => byId("sure-dialog").close());
byId("once-done").addEventListener("click", () => byId("once-dialog").close());
// What was told once must not stay in the page.
byId("once-dialog").addEventListener("close", () => (byId("once").textContent = ""));

await frame(draw);
await load();
