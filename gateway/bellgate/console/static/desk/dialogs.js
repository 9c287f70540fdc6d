// Two questions: what was it (closing), and a line of text (a note, a colleague's name).

const closing = document.getElementById("close-dialog");
const asking = document.getElementById("text-dialog");
const input = document.getElementById("text-input");

export const anyOpen = () => closing.open || asking.open;

// Resolves to a disposition, or null. A digit chooses, so closing takes two keys.
export function askDisposition(title) {
  document.getElementById("close-title").textContent = title;
  const buttons = [...closing.querySelectorAll("[data-disposition]")];
  return new Promise((done) => {
    const finish = (value) => {
      closing.removeEventListener("keydown", byKey);
      closing.removeEventListener("click", byClick);
      closing.removeEventListener("close", cancelled);
      if (closing.open) closing.close();
      done(value);
    };
    const byKey = (event) => {
      const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
      const button = digit && !event.repeat ? buttons[Number(digit[1]) - 1] : null;
      if (!button) return;
      event.preventDefault();
      finish(button.dataset.disposition);
    };
    const byClick = (event) => {
      const button = event.target.closest("[data-disposition]");
      if (button) finish(button.dataset.disposition);
    };
    const cancelled = () => finish(null);
    closing.addEventListener("keydown", byKey);
    closing.addEventListener("click", byClick);
    closing.addEventListener("close", cancelled);
    closing.showModal();
  });
}

// Resolves to a text that is not empty, or null.
export function askText(title, label, maxLength) {
  document.getElementById("text-title").textContent = title;
  document.getElementById("text-label").textContent = label;
  input.value = "";
  input.maxLength = maxLength;
  return new Promise((done) => {
    let answer = null;
    const save = (event) => {
      event.preventDefault();
      answer = input.value.trim() || null;
      asking.close();
    };
    const form = document.getElementById("text-form");
    form.addEventListener("submit", save);
    asking.addEventListener("close", () => {
      form.removeEventListener("submit", save);
      done(answer);
    }, { once: true });
    asking.showModal();
    input.focus();
  });
}

document.getElementById("text-cancel").addEventListener("click", () => asking.close());
