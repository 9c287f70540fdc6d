// The sound of the watch. A browser lets a page sound only after a person pressed something, and may stop it at any
// time: so whether it runs is measured (does the audio clock move?) and never assumed.

const ALARM = [880, 660, 880, 660, 880, 660];
const REMINDER = [880, 660];
const LOST = [220, 220];
// The audio clock moves in blocks of milliseconds; standing still for this long means that nothing is heard.
const STILL_MS = 1_500;
// A sound card that sleeps needs a moment.
const BEGIN_MS = 2_000;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Sound {
  #context = null;
  #seen = 0;
  #movedAt = -Infinity;

  // Only inside a click or a key press. True once the audio clock moves.
  async begin() {
    this.#context ??= new AudioContext();
    await Promise.race([this.#context.resume(), pause(BEGIN_MS)]);
    this.#seen = this.#context.currentTime;
    const end = performance.now() + BEGIN_MS;
    while (!this.running && performance.now() < end) {
      await pause(20);
      this.check();
    }
    if (this.running) this.alarm();
    return this.running;
  }

  // Called by the page's tick.
  check() {
    if (this.#context === null || this.#context.state !== "running") return;
    if (this.#context.currentTime > this.#seen) this.#movedAt = performance.now();
    this.#seen = this.#context.currentTime;
  }

  get running() {
    return this.#context?.state === "running" && performance.now() - this.#movedAt < STILL_MS;
  }

  // Where the audio clock stands: it moves only while something can be heard.
  get audio_ms() {
    return Math.floor((this.#context?.currentTime ?? 0) * 1000);
  }

  alarm() {
    this.#play(ALARM, 0.28, 0.5);
  }

  remind() {
    this.#play(REMINDER, 0.22, 0.4);
  }

  lost() {
    this.#play(LOST, 0.4, 0.4);
  }

  #play(tones, step_s, loudness) {
    if (this.#context?.state !== "running") return;
    const begin = this.#context.currentTime + 0.02;
    tones.forEach((hertz, index) => {
      const oscillator = new OscillatorNode(this.#context, { type: "triangle", frequency: hertz });
      const gain = new GainNode(this.#context, { gain: 0 });
      const at = begin + index * step_s;
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(loudness, at + 0.02);
      gain.gain.setValueAtTime(loudness, at + step_s - 0.07);
      gain.gain.linearRampToValueAtTime(0, at + step_s - 0.02);
      oscillator.connect(gain).connect(this.#context.destination);
      oscillator.start(at);
      oscillator.stop(at + step_s);
    });
  }
}
