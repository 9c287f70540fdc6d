// The own profile: password, second factor, passkeys, and where one is signed in.

import { get, post } from "../common/api.js";
import { known, make } from "../common/elements.js";
import { frame } from "../common/frame.js";
import { create, possible } from "../common/passkey.js";
import { moment, t } from "../common/texts.js";

const byId = (id) => document.getElementById(id);
const API = "/api/v1/profile";
let own = null;
let said = () => ""; // what was done last, in the language of now

const CODES = { wrong_password: "profile.wrong_password", wrong_code: "profile.wrong_code", wrong_passkey: "profile.wrong_passkey", wait: "profile.wait" };

function refusal({ status, body }) {
  if (status === 0) return t("people.no_answer");
  const code = CODES[body?.error?.code];
  return code ? t(code) : t("people.refused", { message: body?.error?.message ?? status });
}

function take(answer, key = null) {
  const good = answer.status === 200;
  byId("problem").hidden = good;
  if (!good) byId("problem").textContent = refusal(answer);
  else own = answer.body;
  said = () => (good && key ? t(key) : "");
  draw();
  return good;
}

function draw() {
  byId("done").textContent = said();
  if (!own) return;
  byId("own-name").textContent = own.name;
  byId("own-role").textContent = known("role", own.role);
  byId("own-areas").textContent = own.areas.join(", ") || t("people.everywhere");
  byId("code-state").textContent = t(own.totp ? "profile.code_on" : "profile.code_off");
  byId("code-state").classList.toggle("on", own.totp);
  byId("code-add").hidden = own.totp;
  byId("code-remove").hidden = !own.totp;
  byId("passkeys").replaceChildren(...own.passkeys.map(passkey));
  byId("passkeys-impossible").hidden = possible();
  byId("passkey-add").disabled = !possible();
  byId("sessions").replaceChildren(...own.sessions.map(session));
  byId("sessions-end").disabled = own.sessions.length < 2;
}

function passkey(one) {
  const used = one.used_ms === null ? t("profile.unused") : t("profile.used", { time: moment(one.used_ms) });
  const about = make("small", { text: [t("profile.added", { time: moment(one.created_ms) }), used].join(" · ") });
  const button = make("button", { type: "button", text: t("profile.remove"), "aria-label": t("profile.remove_one", { label: one.label }) });
  button.addEventListener("click", () => removePasskey(one));
  return make("li", {}, make("div", {}, make("strong", { text: one.label }), about), button);
}

function session(one) {
  const about = make("small", { text: t("profile.session_times", { opened: moment(one.created_ms), used: moment(one.last_used_ms) }) });
  const item = make("li", {}, make("div", {}, make("strong", { text: [browser(one.agent), one.address].filter(Boolean).join(" · ") }), about));
  if (one.current) {
    item.append(make("span", { class: "here", text: t("profile.this_one") }));
  } else {
    const button = make("button", { type: "button", text: t("profile.end") });
    button.addEventListener("click", async () => take(await post(`${API}/sessions/end`, { id: one.id }), "profile.ended"));
    item.append(button);
  }
  return item;
}

// "Chrome · Windows": enough to know one's own; what a browser calls itself is longer than a line.
function browser(agent) {
  const name = [["Edg/", "Edge"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]].find(([part]) => agent.includes(part));
  const system = ["Windows", "Android", "iPhone", "iPad", "Mac OS", "Linux"].find((part) => agent.includes(part));
  return [name?.[1], system].filter(Boolean).join(" · ") || t("profile.unknown_browser");
}

// Asks for the password (and a label), and again while `use` says what is wrong; resolves to its answer, or null.
function confirmed(title, use, withLabel = false) {
  const dialog = byId("password-dialog");
  byId("confirm-title").textContent = title;
  byId("label-field").hidden = !withLabel;
  byId("label").required = withLabel;
  for (const id of ["label", "confirm"]) byId(id).value = "";
  byId("confirm-problem").hidden = true;
  return new Promise((done) => {
    let result = null;
    const submit = async (event) => {
      event.preventDefault();
      const answer = await use(byId("confirm").value, byId("label").value.trim());
      if (answer.status !== 200) {
        byId("confirm-problem").textContent = refusal(answer);
        byId("confirm-problem").hidden = false;
        return;
      }
      result = answer;
      dialog.close();
    };
    byId("confirm-form").addEventListener("submit", submit);
    dialog.addEventListener("close", () => {
      byId("confirm-form").removeEventListener("submit", submit);
      byId("confirm").value = "";
      done(result);
    }, { once: true });
    dialog.showModal();
  });
}

async function changePassword(event) {
  event.preventDefault();
  const [old, fresh, again] = ["old", "new", "again"].map((id) => byId(id).value);
  if (fresh !== again) {
    byId("problem").hidden = false;
    byId("problem").textContent = t("sign_in.password_differs");
    return byId("again").focus();
  }
  if (take(await post(`${API}/password`, { old, new: fresh }), "profile.password_changed")) byId("password-form").reset();
}

async function addCode() {
  const answer = await confirmed(t("profile.code_add"), (password) => post(`${API}/authenticator/begin`, { password }));
  if (!answer) return;
  byId("secret").textContent = answer.body.secret.replace(/(.{4})(?=.)/g, "$1 ");
  // Another address each time: a browser may keep a picture in its memory.
  byId("qr").replaceChildren(make("img", { src: `${API}/authenticator.svg?${Date.now()}`, alt: t("profile.qr"), width: "240", height: "240" }));
  byId("code").value = "";
  byId("code-problem").hidden = true;
  byId("code-dialog").showModal();
  byId("code").focus();
}

async function confirmCode(event) {
  event.preventDefault();
  const answer = await post(`${API}/authenticator/confirm`, { code: byId("code").value });
  byId("code-problem").hidden = answer.status === 200;
  if (answer.status !== 200) byId("code-problem").textContent = refusal(answer);
  else if (take(answer, "profile.code_added")) byId("code-dialog").close();
}

async function removeCode() {
  const answer = await confirmed(t("profile.code_remove"), (password) => post(`${API}/authenticator/remove`, { password }));
  if (answer) take(answer, "profile.code_removed");
}

async function addPasskey() {
  let label = "";
  const begun = await confirmed(t("profile.passkey_add"), (password, given) => {
    label = given;
    return post(`${API}/passkeys/begin`, { password });
  }, true);
  if (!begun) return;
  const credential = await create(begun.body.options);
  if (!credential) {
    byId("problem").hidden = false;
    byId("problem").textContent = t("profile.passkey_none");
    return;
  }
  take(await post(`${API}/passkeys`, { id: begun.body.id, label, credential }), "profile.passkey_added");
}

async function removePasskey(one) {
  const answer = await confirmed(t("profile.remove_one", { label: one.label }), (password) => post(`${API}/passkeys/remove`, { password, id: one.id }));
  if (answer) take(answer, "profile.passkey_removed");
}

byId("password-form").addEventListener("submit", changePassword);
byId("code-add").addEventListener("click", addCode);
byId("code-remove").addEventListener("click", removeCode);
byId("code-form").addEventListener("submit", confirmCode);
byId("passkey-add").addEventListener("click", addPasskey);
byId("sessions-end").addEventListener("click", async () => take(await post(`${API}/sessions/end`, { id: null }), "profile.ended"));
byId("confirm-cancel").addEventListener("click", () => byId("password-dialog").close());
byId("code-cancel").addEventListener("click", () => byId("code-dialog").close());
byId("code-dialog").addEventListener("close", () => {
  byId("qr").replaceChildren();
  byId("secret").textContent = "";
});

await frame(draw);
take(await get(API));
document.body.dataset.drawn = "true";
