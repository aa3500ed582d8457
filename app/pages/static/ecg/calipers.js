// Calipers: two ends on the paper, read in milliseconds, beats a minute and millivolts. Mouse, touch and keyboard.

import { rowAt } from "./geometry.js";

const NEAR_PX = 14;
const STEP_MM = 0.1;
const LARGE_MM = 1;
const COLOUR = "#0b3fa8";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Calipers {
  /** `canvas` lies over the paper; `say` gets the reading in words. */
  constructor(canvas, say) {
    this.canvas = canvas;
    this.say = say;
    this.on = false;
    this.march = false;
    this.ends = null;
    this.held = null;
    this.active = 1;
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { this.held = null; });
  }

  /** Say what lies below: the sheet's plan, CSS pixels a millimetre, pixels of the device a CSS pixel. */
  place(sheet, pxPerMm, ratio) {
    Object.assign(this, { sheet, pxPerMm, ratio });
    this.draw();
  }

  /** Turn the calipers on or off. On, they stand in the middle of what is seen, one second apart. */
  turn(on, middleMm = null) {
    this.on = on;
    this.canvas.classList.toggle("ecg-on", on);
    this.ends = null;
    this.active = 1;
    if (on && middleMm) this.#start(middleMm);
    this.draw();
  }

  /** Take a key; return whether it was one of the calipers'. */
  key(event) {
    if (!this.on || !this.ends) return false;
    const arrow = ARROWS[event.key];
    if (arrow) {
      const step = event.shiftKey ? LARGE_MM : STEP_MM;
      const end = this.ends[this.active];
      this.#put(this.active, end.x + arrow[0] * step, end.y + arrow[1] * step);
    } else if (event.key === "x") this.active = 1 - this.active;
    else if (event.key === "m") this.march = !this.march;
    else return false;
    this.draw();
    return true;
  }

  /** Return what the ends read: `ms`, `perMinute`, and `mv` where both are in one row. */
  reading() {
    if (!this.ends) return null;
    const [a, b] = this.ends;
    const ms = (Math.abs(b.x - a.x) / this.sheet.speed) * 1000;
    const oneRow = rowAt(this.sheet, a.y) === rowAt(this.sheet, b.y);
    return { ms, perMinute: ms > 0 ? 60_000 / ms : null, mv: oneRow ? (a.y - b.y) / this.sheet.gain : null };
  }

  /** Draw the ends, the lines through them and what they read. */
  draw() {
    if (!this.sheet) return;
    const { canvas, sheet } = this;
    const k = this.pxPerMm * this.ratio;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.on || !this.ends) {
      this.say(this.on ? "Drag over the paper to measure." : "");
      return;
    }
    const [a, b] = this.ends;
    const rows = [rowAt(sheet, a.y), rowAt(sheet, b.y)];
    const top = Math.min(...rows.map((row) => row.top)) * k;
    const bottom = Math.max(...rows.map((row) => row.top + row.height)) * k;
    context.strokeStyle = COLOUR;
    context.lineWidth = Math.max(1, this.ratio);
    const line = (x1, y1, x2, y2) => {
      context.beginPath();
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
      context.stroke();
    };
    for (const end of this.ends) {
      line(end.x * k, top, end.x * k, bottom);
      line(Math.min(a.x, b.x) * k, end.y * k, Math.max(a.x, b.x) * k, end.y * k);
    }
    const apart = Math.abs(b.x - a.x);
    if (this.march && apart >= 1) {
      context.setLineDash([4 * this.ratio, 3 * this.ratio]);
      const [first, last] = [sheet.left, sheet.left + sheet.seconds * sheet.speed];
      for (let x = Math.max(a.x, b.x) + apart; x <= last; x += apart) line(x * k, top, x * k, bottom);
      for (let x = Math.min(a.x, b.x) - apart; x >= first; x -= apart) line(x * k, top, x * k, bottom);
      context.setLineDash([]);
    }
    this.ends.forEach((end, index) => {
      context.beginPath();
      context.arc(end.x * k, end.y * k, (index === this.active ? 4.5 : 3) * this.ratio, 0, 2 * Math.PI);
      context.fillStyle = index === this.active ? COLOUR : "#fff";
      context.fill();
      context.stroke();
    });
    this.#label(context, k, top);
    this.say(this.words());
  }

  /** Return the reading in words. */
  words() {
    const { ms, perMinute, mv } = this.reading();
    const parts = [`${ms.toFixed(0)} ms`];
    if (perMinute !== null && perMinute < 1000) parts.push(`${perMinute.toFixed(0)} /min`);
    parts.push(mv === null ? "mV: ends in two rows" : `${mv < 0 ? "\u2212" : ""}${Math.abs(mv).toFixed(2)} mV`);
    return parts.join(" · ");
  }

  #label(context, k, top) {
    const size = 12 * this.ratio;
    const words = this.words();
    context.font = `600 ${size}px system-ui, "Segoe UI", "Noto Sans", sans-serif`;
    context.textAlign = "left";
    const wide = context.measureText(words).width + size;
    const x = Math.max(0, Math.min(Math.min(this.ends[0].x, this.ends[1].x) * k, this.canvas.width - wide));
    const y = Math.max(0, top - size * 0.2);
    context.fillStyle = COLOUR;
    context.fillRect(x, y, wide, size * 1.6);
    context.fillStyle = "#fff";
    context.fillText(words, x + size / 2, y + size * 1.15);
  }

  #start({ x, y }) {
    const row = rowAt(this.sheet, y);
    this.ends = [{ x: x - this.sheet.speed / 2, y: row.baseline }, { x: x + this.sheet.speed / 2, y: row.baseline }];
  }

  #put(index, x, y) {
    const { width, height } = this.sheet;
    this.ends[index] = { x: Math.min(Math.max(x, 0), width), y: Math.min(Math.max(y, 0), height) };
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / this.pxPerMm, y: (event.clientY - box.top) / this.pxPerMm };
  }

  #press(event) {
    if (!this.on || event.button !== 0) return;
    const at = this.#at(event);
    const away = (end) => Math.hypot(end.x - at.x, end.y - at.y) * this.pxPerMm;
    const near = this.ends ? [0, 1].filter((i) => away(this.ends[i]) <= NEAR_PX) : [];
    if (near.length) this.held = near.sort((i, j) => away(this.ends[i]) - away(this.ends[j]))[0];
    else {
      this.ends = [at, at];
      this.held = 1;
    }
    this.active = this.held;
    this.canvas.setPointerCapture(event.pointerId);
    this.draw();
  }

  #move(event) {
    if (this.held === null) return;
    const { x, y } = this.#at(event);
    this.#put(this.held, x, y);
    this.draw();
  }
}
