// A stack of states. What follows within a moment, of the same kind, is one step.

const MOMENT_MS = 700;

export class Undo {
  /** Start with states that were kept before, oldest first; the last one is the present. */
  constructor(states) {
    this.past = states.slice(0, -1);
    this.present = states.at(-1);
    this.future = [];
    this.kind = null;
    this.at = -Infinity;
  }

  /** Take a new state; `kind` says what was done. */
  push(state, kind, at = performance.now()) {
    if (state === this.present) return;
    const joins = kind !== null && kind === this.kind && at - this.at < MOMENT_MS && this.past.length > 0;
    if (!joins) this.past.push(this.present);
    this.present = state;
    this.future = [];
    this.kind = kind;
    this.at = at;
  }

  /** Return the state before, or null. */
  undo() {
    return this.#move(this.past, this.future);
  }

  /** Return the state that was undone, or null. */
  redo() {
    return this.#move(this.future, this.past);
  }

  #move(from, to) {
    if (!from.length) return null;
    to.push(this.present);
    this.present = from.pop();
    this.kind = null;
    return this.present;
  }
}
