// An ECG on millimetre paper. The paper's own scale always holds: a large square is 5 mm, 200 ms at 25 mm/s.

import { Calipers } from "./calipers.js";
import { CHOICES, OFF, filtered, inWords, possible } from "./filters.js";
import { COLOURS, canvasPen, drawSheet, mmPerUnit, svgPen } from "./drawing.js";
import { GAINS, LAYOUT_NAMES, LEADS, PAGE_S, SPEEDS, clock, plan } from "./geometry.js";
import { calibrate, pxPerMm } from "./screen.js";
import { WaveformProblem, load } from "./waveform.js";

export { WaveformProblem };

const ZOOMS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];
const PRINTED_ROWS_MM = { "12x1": 15, "3x4+3": 25 }; // lower than on the screen, to fit on A4
const PRINTED_MM = 250; // of traces on one printed sheet
const SETTLE_S = 10; // filters begin so long before what is shown
const FILTER_NAMES = { highpass: "High-pass", lowpass: "Low-pass", notch: "Notch" };
const KEYS = "Keys: C calipers, arrows move them, X the other end, M march out, Page Up and Page Down turn the page, "
  + "plus and minus zoom, 0 true size.";

addStyles();

/** The view of one ECG. `element` is an empty `<div data-ecg-paper>`. */
export class EcgPaper {
  /** A promise of `{ signal, rateHz }` of an address like `/v1/ecgs/{id}/waveform?format=packed`; kept. */
  static load(url) {
    return load(url);
  }

  /** `options.controls`: false leaves out the bar; `options.settings`: what `set` takes. */
  constructor(element, options = {}) {
    this.element = element;
    this.settings = { layout: "3x4", speed: 25, gain: 10, filters: { ...OFF }, zoom: 1, ...options.settings };
    this.ecg = null;
    this.other = null;
    this.startS = 0;
    this.#build(options);
    this.calipers = new Calipers(this.over, (words) => { this.reading.textContent = words; });
    this.#listen();
    this.#say(options.message ?? "");
    this.draw();
  }

  /**
   * Show an ECG: `{ signal, rateHz, leads, startS, simulated, scaleKnown, caption, description }`. `description` is the
   * text alternative's part that is not known here, such as the rate. With `signal` null the paper stays empty.
   */
  show(ecg) {
    const { signal = null, rateHz = null, leads = LEADS, startS = 0, simulated = false } = ecg;
    const scaleKnown = ecg.scaleKnown !== false && signal?.scaleKnown !== false;
    if (signal && signal.length !== leads.length) throw new Error("as many leads as rows of the signal");
    this.ecg = { signal, rateHz, leads, simulated, scaleKnown, caption: ecg.caption ?? "", description: ecg.description ?? "" };
    this.other = null;
    this.cache = new Map();
    this.startS = this.#within(startS);
    this.calipers.turn(false);
    this.#say(signal ? "" : ecg.message ?? "There is no waveform here: only the reports are known.");
    this.#controls();
    this.draw();
    performance.mark("ecg:drawn");
    requestAnimationFrame(() => setTimeout(() => performance.mark("ecg:painted"))); // the frame is done by then
    this.element.dataset.drawn = signal ? "ecg" : "empty";
  }

  /** Change what the text alternative says of the ECG. */
  describe(description) {
    if (!this.ecg) return;
    this.ecg.description = description;
    this.canvas.setAttribute("aria-label", this.#inWords());
  }

  /** Draw another ECG below this one: `{ signal, rateHz, shiftS, words }`; null takes it away. Its time is shifted. */
  overlay(other) {
    this.other = other && { leads: LEADS, ...other, scaleKnown: other.signal.scaleKnown !== false };
    this.draw();
  }

  /** Change the view: `{ layout, speed, gain, filters, zoom }`, any of them. `zoom` is a number or "fit". */
  set(changed) {
    const filters = { ...this.settings.filters, ...changed.filters };
    Object.assign(this.settings, changed, { filters });
    this.calipers.turn(this.calipers.on);
    this.#controls();
    this.draw();
  }

  /** Show the ten seconds that begin at a time. */
  goTo(startS) {
    const within = this.#within(startS);
    if (within === this.startS) return;
    this.startS = within;
    this.calipers.turn(this.calipers.on);
    this.#controls();
    this.draw();
  }

  /** Say why there is nothing to see. */
  fail(words) {
    this.ecg = null;
    this.other = null;
    this.#say(words, true);
    this.#controls();
    this.draw();
    this.element.dataset.drawn = "problem";
  }

  /** CSS pixels a millimetre of the paper. */
  get scale() {
    const { zoom } = this.settings;
    if (zoom !== "fit") return pxPerMm().px * zoom;
    return Math.max(0.5, (this.element.clientWidth - 2) / plan(this.settings).width); // between the box's borders
  }

  /** Draw now. */
  draw() {
    const sheet = plan(this.settings);
    const ratio = devicePixelRatio || 1;
    const pxPerMillimetre = this.scale;
    const [wide, high] = [sheet.width, sheet.height].map((mm) => Math.ceil(mm * pxPerMillimetre * ratio));
    for (const canvas of [this.canvas, this.over]) {
      if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
      canvas.style.width = `${wide / ratio}px`;
      canvas.style.height = `${high / ratio}px`;
    }
    const pen = canvasPen(this.canvas.getContext("2d", { alpha: false }), pxPerMillimetre * ratio);
    pen.paper(sheet);
    if (this.ecg?.signal) drawSheet(pen, sheet, this.#view(this.startS, sheet));
    this.calipers.place(sheet, pxPerMillimetre, ratio);
    this.canvas.setAttribute("aria-label", this.#inWords());
    this.drawn = { ratio, zoom: this.settings.zoom };
  }

  #view(startS, sheet) {
    const { ecg, other } = this;
    const sources = [this.#source(ecg, startS, 0, sheet, COLOURS.trace)];
    if (other) sources.unshift(this.#source(other, startS, other.shiftS, sheet, COLOURS.other));
    return { ecg, sources, startS, filters: this.settings.filters, note: other?.words };
  }

  #source(record, startS, shiftS, sheet, colour) {
    const { leads, rateHz } = record;
    return {
      rateHz,
      colour,
      perUnit: mmPerUnit(record, this.settings.gain),
      offsets: new Map(),
      read: (lead, fromS, toS) => {
        const { values, first } = this.#samples(record, leads.indexOf(lead), startS - shiftS, sheet.seconds);
        const begin = Math.max(0, Math.ceil((startS + fromS - shiftS) * rateHz - 1e-6) - first);
        const end = Math.min(values.length, Math.floor((startS + toS - shiftS) * rateHz + 1e-6) + 1 - first);
        if (end - begin < 2) return null;
        return { values: values.subarray(begin, end), fromS: (first + begin) / rateHz + shiftS - startS };
      },
    };
  }

  /** Return a lead as it is drawn, and which sample is its first; filtered, it is what lies around the page. */
  #samples(record, index, startS, seconds) {
    const whole = record.signal[index];
    const { filters } = this.settings;
    if (!Object.values(filters).some(Boolean)) return { values: whole, first: 0 };
    const key = [record === this.ecg, index, startS, seconds, ...Object.values(filters)].join();
    if (!this.cache.has(key)) {
      if (this.cache.size > 200) this.cache.clear();
      const first = Math.max(0, Math.floor((startS - SETTLE_S) * record.rateHz));
      const end = Math.max(first, Math.min(whole.length, Math.ceil((startS + seconds + SETTLE_S) * record.rateHz)));
      this.cache.set(key, { values: filtered(whole.subarray(first, end), record.rateHz, filters), first });
    }
    return this.cache.get(key);
  }

  #within(startS) {
    const durationS = this.#durationS();
    return Math.max(0, Math.min(startS, Math.ceil(durationS / PAGE_S) * PAGE_S - PAGE_S));
  }

  #durationS() {
    return this.ecg?.signal ? this.ecg.signal[0].length / this.ecg.rateHz : 0;
  }

  /** Return the canvas's text alternative. */
  #inWords() {
    const { ecg, settings } = this;
    if (!ecg?.signal) return "Empty ECG paper";
    const durationS = this.#durationS();
    return [
      `${ecg.simulated ? "Simulated " : ""}${ecg.leads.length}-lead ECG on millimetre paper`,
      `${clock(this.startS)} to ${clock(Math.min(this.startS + PAGE_S, durationS))} of ${clock(durationS)} minutes`,
      ecg.scaleKnown ? `${settings.speed} millimetres a second, ${settings.gain} millimetres a millivolt` : "not to scale",
      `${ecg.rateHz} samples a second, ${inWords(settings.filters)}`,
      `leads ${ecg.leads.join(", ")}`,
      ecg.description,
      this.other?.words,
    ].filter(Boolean).join(". ");
  }

  #say(words, isProblem = false) {
    this.message.textContent = words;
    this.message.hidden = !words;
    this.message.classList.toggle("notice-problem", isProblem);
    this.element.classList.toggle("ecg-empty", Boolean(words));
  }

  // ---- the bar, the pager, keys

  #build({ controls = true }) {
    const { element } = this;
    element.classList.add("ecg");
    this.canvas = make("canvas", { className: "ecg-canvas" }, { role: "img", "aria-label": "Empty ECG paper" });
    this.over = make("canvas", { className: "ecg-over" }, { "aria-hidden": "true" });
    this.message = make("p", { className: "notice ecg-message", hidden: true }, { role: "status" });
    const sheet = make("div", { className: "ecg-sheet" }, {}, this.canvas, this.over);
    this.scroll = make("div", { className: "ecg-scroll", tabIndex: 0 }, { role: "region", "aria-label": `ECG paper. ${KEYS}` }, sheet);
    this.reading = make("output", { className: "ecg-reading" }, { "aria-live": "polite" });
    this.print = make("div", { className: "ecg-print" }, { "aria-hidden": "true" });
    this.bar = make("div", { className: "ecg-bar", hidden: !controls }, { role: "group", "aria-label": "View of the ECG" });
    this.pager = make("div", { className: "ecg-pager", hidden: true }, { role: "group", "aria-label": "Pages of the ECG" });
    this.#fillBar();
    this.#fillPager();
    element.replaceChildren(this.bar, this.message, this.scroll, this.pager, this.print);
  }

  #fillBar() {
    const number = (name, values, unit, title) => this.#select(
      title, values.map((value) => [value, `${value} ${unit}`]), () => this.settings[name], (value) => this.set({ [name]: Number(value) }),
    );
    this.choices = [
      this.#select("Layout", LAYOUT_NAMES, () => this.settings.layout, (layout) => this.set({ layout })),
      number("speed", SPEEDS, "mm/s", "Speed of the paper"),
      number("gain", GAINS, "mm/mV", "Gain"),
    ];
    this.filterChoices = Object.entries(CHOICES).map(([name, values]) => this.#select(
      FILTER_NAMES[name], values.map((hz) => [hz, hz ? `${hz} Hz` : "off"]),
      () => this.settings.filters[name], (value) => this.set({ filters: { [name]: Number(value) } }), true,
    ));
    this.filterWord = make("summary", { className: "button" });
    const filters = make("details", { className: "ecg-filters" }, {},
      this.filterWord, make("div", { className: "ecg-filter-list card" }, {}, ...this.filterChoices.map(({ field }) => field)));
    filters.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      filters.open = false;
      this.filterWord.focus();
    });
    filters.addEventListener("focusout", (event) => { if (!filters.contains(event.relatedTarget)) filters.open = false; });
    this.caliperButton = button("Calipers", "Measure time, rate and voltage (C)", () => this.#turnCalipers(!this.calipers.on));
    this.zoomWord = make("span", { className: "ecg-zoom" });
    this.bar.append(
      ...this.choices.map(({ field }) => field), filters, this.caliperButton,
      make("span", { className: "ecg-zooms" }, {},
        button("−", "Smaller (−)", () => this.#zoomBy(-1)), this.zoomWord, button("+", "Larger (+)", () => this.#zoomBy(1)),
        button("Fit", "As wide as the page", () => this.set({ zoom: "fit" })),
        button("1:1", "True size (0)", () => this.set({ zoom: 1 }))),
      button("Screen…", "Make a millimetre a millimetre on this screen", () => calibrate()),
      this.reading,
    );
  }

  #fillPager() {
    this.slider = make("input", { type: "range", min: 0, step: PAGE_S }, { "aria-label": "Time in the ECG" });
    this.slider.addEventListener("input", () => this.goTo(Number(this.slider.value)));
    this.where = make("output", { className: "num" });
    this.pager.append(
      button("‹ 10 s", "Ten seconds back (Page Up)", () => this.goTo(this.startS - PAGE_S)), this.slider,
      button("10 s ›", "Ten seconds on (Page Down)", () => this.goTo(this.startS + PAGE_S)), this.where,
    );
  }

  #select(title, options, read, write, withLabel = false) {
    const select = make("select", { title }, { "aria-label": title });
    select.append(...options.map(([value, words]) => new Option(words, value)));
    select.addEventListener("change", () => write(select.value));
    const field = withLabel ? make("label", { className: "field" }, {}, make("span", { textContent: title }), select) : select;
    return { field, show: () => { select.value = String(read()); }, select };
  }

  /** Bring the bar and the pager to what is shown. */
  #controls() {
    const { ecg, settings } = this;
    for (const each of [...this.choices, ...this.filterChoices]) each.show();
    for (const { select } of this.filterChoices) {
      for (const option of select.options) option.disabled = Boolean(ecg?.rateHz) && !possible(Number(option.value), ecg.rateHz);
    }
    const on = Object.values(settings.filters).filter(Boolean).length;
    this.filterWord.textContent = on ? `Filters: ${on} on` : "Filters: off";
    this.filterWord.classList.toggle("ecg-on", on > 0);
    const measurable = Boolean(ecg?.signal && ecg.scaleKnown);
    this.caliperButton.disabled = !measurable;
    this.caliperButton.title = measurable || !ecg?.signal ? "Measure time, rate and voltage (C)" : "Not to scale: nothing can be measured";
    this.caliperButton.setAttribute("aria-pressed", String(this.calipers.on));
    this.zoomWord.textContent = settings.zoom === "fit" ? "fit" : `${Math.round(settings.zoom * 100)} %`;
    this.zoomWord.title = pxPerMm().measured ? "Of true size, as measured on this screen" : "Of nominal size (96 pixels an inch)";
    const durationS = this.#durationS();
    this.pager.hidden = durationS <= PAGE_S;
    this.slider.max = String(Math.max(0, Math.ceil(durationS / PAGE_S) * PAGE_S - PAGE_S));
    this.slider.value = String(this.startS);
    const words = `${clock(this.startS)}–${clock(Math.min(this.startS + PAGE_S, durationS))} of ${clock(durationS)}`;
    this.slider.setAttribute("aria-valuetext", words);
    this.where.textContent = words;
  }

  #turnCalipers(on) {
    if (on && !(this.ecg?.signal && this.ecg.scaleKnown)) return;
    const seen = Math.min(this.scroll.clientWidth, this.canvas.clientWidth);
    const y = Math.min(Math.max(0, -this.scroll.getBoundingClientRect().top), this.canvas.clientHeight / 2);
    this.calipers.turn(on, { x: (this.scroll.scrollLeft + seen / 2) / this.scale, y: (y + 40) / this.scale });
    this.#controls();
    if (on) this.scroll.focus({ preventScroll: true });
  }

  #zoomBy(direction) {
    const { zoom } = this.settings;
    const now = zoom === "fit" ? this.scale / pxPerMm().px : zoom;
    const next = direction > 0 ? ZOOMS.find((each) => each > now + 0.01) : ZOOMS.findLast((each) => each < now - 0.01);
    if (next) this.set({ zoom: next });
  }

  #listen() {
    const keys = {
      c: () => this.#turnCalipers(!this.calipers.on),
      Escape: () => this.#turnCalipers(false),
      PageUp: () => this.goTo(this.startS - PAGE_S),
      PageDown: () => this.goTo(this.startS + PAGE_S),
      "+": () => this.#zoomBy(1),
      "-": () => this.#zoomBy(-1),
      0: () => this.set({ zoom: 1 }),
    };
    this.scroll.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const own = keys[event.key];
      if (event.key === "Escape" && !this.calipers.on) return;
      if (event.key.startsWith("Page") && this.pager.hidden) return;
      if (!this.calipers.key(event)) {
        if (!own) return;
        own();
      }
      event.preventDefault();
      event.stopPropagation();
    });
    new ResizeObserver(() => {
      if (this.drawn.ratio !== devicePixelRatio || this.settings.zoom === "fit") this.draw();
    }).observe(this.element);
    addEventListener("resize", () => { if (this.element.isConnected && this.drawn.ratio !== devicePixelRatio) this.draw(); });
    addEventListener("ecg:screen", () => {
      this.#controls();
      this.draw();
    });
    addEventListener("beforeprint", () => this.#toPrint());
    addEventListener("afterprint", () => this.print.replaceChildren());
  }

  /** Make what is printed: the page shown, in true millimetres, on as many sheets as its speed needs. */
  #toPrint() {
    this.print.replaceChildren();
    if (!this.ecg?.signal) return;
    const { layout, speed, gain } = this.settings;
    const seconds = Math.min(PAGE_S, PRINTED_MM / speed);
    for (let s = 0; s < PAGE_S && this.startS + s < this.#durationS(); s += seconds) {
      const sheet = plan({ layout, speed, gain, seconds, rowMm: PRINTED_ROWS_MM[layout] ?? null });
      const pen = svgPen(sheet);
      pen.paper(sheet);
      drawSheet(pen, sheet, this.#view(this.startS + s, sheet));
      this.print.append(pen.svg);
    }
  }
}

function make(tag, properties = {}, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function button(words, title, act) {
  const made = make("button", { type: "button", className: "button", textContent: words, title });
  made.addEventListener("click", act);
  return made;
}

/** Link the paper's style sheet where the page does not. */
function addStyles() {
  const href = new URL("paper.css", import.meta.url).pathname;
  if ([...document.styleSheets].some((sheet) => sheet.href && new URL(sheet.href).pathname === href)) return;
  document.head.append(make("link", { rel: "stylesheet", href }));
}
