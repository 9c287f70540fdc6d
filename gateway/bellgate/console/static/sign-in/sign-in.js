// The way in by passkey; without JavaScript, or where the browser has none, the form alone stands there.

import { possible, sign } from "../common/passkey.js";

const byId = (id) => document.getElementById(id);
const button = byId("passkey");
const PROBLEMS = ["refused", "none", "wait"];

function say(problem) {
  for (const each of PROBLEMS) byId(`passkey-${each}`).hidden = each !== problem;
  button.disabled = false;
}

const post = (path, body) =>
  fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body, signal: AbortSignal.timeout(10_000) });

async function enter() {
  button.disabled = true;
  try {
    const asked = await post("/sign-in/passkey/challenge");
    const credential = asked.ok ? await sign(await asked.json()) : null;
    if (!credential) return say("none");
    const answer = await post("/sign-in/passkey", JSON.stringify(credential));
    if (!answer.ok) return say(answer.status === 401 ? "refused" : "wait");
    location.assign((await answer.json()).to);
  } catch {
    say("wait"); // no answer came
  }
}

byId("by-passkey").hidden = !possible();
button.addEventListener("click", enter);
