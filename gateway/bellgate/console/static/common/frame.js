// What every page has: the way to the others, the language, and the way out.

import { post } from "./api.js";
import { language, t, use } from "./texts.js";

const YEAR_S = 31_536_000;
const byId = (id) => document.getElementById(id);

export const { me, role, rights } = document.body.dataset;
export const RIGHTS = new Set(rights.split(" "));

function label() {
  const button = byId("language");
  button.dataset.next = language === "ko" ? "en" : "ko";
  button.lang = button.dataset.next;
  button.textContent = t(`language.${button.dataset.next}`);
  document.title = [byId("page-title")?.textContent, t("brand")].filter(Boolean).join(" · ");
}

// leave: asked before signing out; false: not now.
// draw: called at first and whenever the language changes; the page says everything anew, without a reload.
export async function frame(draw, leave = async () => true) {
  byId("language").addEventListener("click", async () => {
    const wanted = byId("language").dataset.next;
    await use(wanted);
    document.cookie = `language=${wanted}; path=/; max-age=${YEAR_S}; samesite=strict`;
    label();
    draw();
  });
  byId("sign-out").addEventListener("click", async () => {
    if (!(await leave())) return;
    const { status } = await post("/sign-out");
    if (status !== 0) location.assign("/sign-in");
  });
  await use(language);
  label();
  draw();
}
