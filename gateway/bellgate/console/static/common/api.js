// Commands to the gateway. Nothing counts as done before its answer.

const csrf = document.body.dataset.csrf;
// Longer than the gateway itself waits for its database.
const DEADLINE_MS = 10_000;

// {status, body}; status 0: no answer came, and nobody knows whether it was carried out.
export async function post(path, body = undefined, { deadline_ms = DEADLINE_MS, keepalive = false } = {}) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(deadline_ms),
      keepalive,
    });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : null };
  } catch {
    return { status: 0, body: null };
  }
}

export async function get(path, deadline_ms = DEADLINE_MS) {
  try {
    const answer = await fetch(path, { signal: AbortSignal.timeout(deadline_ms) });
    return { status: answer.status, body: await answer.json() };
  } catch {
    return { status: 0, body: null };
  }
}
