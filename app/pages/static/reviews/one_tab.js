// One reading is written in one tab: the tab that opened it last holds it, the others stand still.

export class OneTab {
  /** `onLost()` is called, and awaited, when another tab takes over. */
  constructor(item, onLost) {
    this.name = crypto.randomUUID();
    this.item = item;
    this.channel = new BroadcastChannel("overread-reading");
    this.holds = false;
    this.channel.addEventListener("message", async ({ data }) => {
      if (data.item !== this.item || data.from === this.name) return;
      if (data.says === "is it open?" && this.holds) this.#say("it is open here");
      if (data.says === "it is open here") this.onHeld?.();
      if (data.says === "let go" && this.holds) {
        this.holds = false;
        await onLost();
        this.#say("let go of");
      }
      if (data.says === "let go of") this.onFree?.();
    });
  }

  /** Return whether another tab holds the reading. */
  async isElsewhere() {
    const answer = new Promise((resolve) => {
      this.onHeld = () => resolve(true);
      setTimeout(() => resolve(false), 60);
    });
    this.#say("is it open?");
    return answer;
  }

  /** Take the reading over from another tab, which has saved when this returns. */
  async take() {
    const free = new Promise((resolve) => {
      this.onFree = resolve;
      setTimeout(resolve, 1500);
    });
    this.#say("let go");
    await free;
    this.holds = true;
  }

  /** Hold a reading that no other tab holds. */
  hold(item) {
    this.item = item;
    this.holds = true;
  }

  #say(says) {
    this.channel.postMessage({ says, item: this.item, from: this.name });
  }
}
