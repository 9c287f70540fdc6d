// The stream of changes. What counts is what was heard: an open connection that says nothing is a lost one.

// The gateway sends something at least every 3 s.
const STALE_MS = 8_000;
const AGAIN_MS = 4_000;
// A connection that was closed is open again within this, or the gateway is not there.
const CLOSED_MS = 3_000;

export class Live {
  #source = null;
  #lastId = "";
  #heardAt = performance.now();
  #openedAt = -Infinity;
  #closedAt = null;
  #on;

  // on: {snapshot, incident, trouble, signedOut}, each called with the event's data.
  constructor(on) {
    this.#on = on;
    this.offset_ms = 0;
    this.greeted = false;
    this.heartbeat_ms = 0; // when the gateway sent the newest heartbeat that was heard, by its own clock
  }

  open() {
    this.#source?.close();
    this.#openedAt = performance.now();
    // A new EventSource sends no Last-Event-ID of the one before; its own reconnects do.
    const after = this.#lastId ? `?after=${encodeURIComponent(this.#lastId)}` : "";
    const source = new EventSource(`/api/v1/events${after}`);
    this.#source = source;
    const listen = (name, use) =>
      source.addEventListener(name, (event) => {
        if (source !== this.#source) return;
        this.#heardAt = performance.now();
        this.#closedAt = null;
        const data = JSON.parse(event.data);
        if ("now_ms" in data) {
          this.offset_ms = data.now_ms - Date.now();
          this.heartbeat_ms = data.now_ms;
        }
        use(data);
        this.#lastId = event.lastEventId;
      });
    listen("snapshot", (data) => {
      this.greeted = true;
      this.#on.snapshot(data);
    });
    listen("incident", (data) => this.#on.incident(data));
    listen("trouble", (data) => this.#on.trouble(data));
    listen("heartbeat", () => {});
    listen("signed_out", () => this.stop());
    source.addEventListener("error", () => {
      if (source === this.#source) this.#closedAt ??= performance.now();
      // The browser gives up when the answer is not a stream: an error, or the session is over.
      if (source === this.#source && source.readyState === EventSource.CLOSED) this.#askWhy();
    });
  }

  stop() {
    this.#source?.close();
    this.#source = null;
    this.#on.signedOut();
  }

  get silent_ms() {
    return performance.now() - this.#heardAt;
  }

  get fresh() {
    return this.#source?.readyState === EventSource.OPEN && this.greeted && this.silent_ms < STALE_MS;
  }

  // For good, as far as this page can tell: silent, or closed and not open again after a moment.
  get lost() {
    return this.silent_ms >= STALE_MS || (this.#closedAt !== null && performance.now() - this.#closedAt >= CLOSED_MS);
  }

  // Called by the page's tick: a stream that fell silent is opened anew, again and again.
  check() {
    const stale = this.lost || this.#source?.readyState === EventSource.CLOSED;
    if (this.#source !== null && stale && performance.now() - this.#openedAt >= AGAIN_MS) this.open();
  }

  async #askWhy() {
    try {
      const answer = await fetch("/api/v1/me", { signal: AbortSignal.timeout(5_000) });
      if (answer.status === 401) this.stop();
    } catch {
      // no connection: check() goes on trying
    }
  }

  now_ms() {
    return Date.now() + this.offset_ms;
  }
}
