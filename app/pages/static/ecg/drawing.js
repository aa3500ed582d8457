// What is drawn on a sheet, as steps that canvas and SVG both take: lines, texts and traces, in millimetres.

import { inWords } from "./filters.js";
import { clock, median, pulse } from "./geometry.js";

const LEAST_OFFSET_MV = 0.05; // half a millimetre at 10 mm/mV: a smaller offset is not written
const NOT_TO_SCALE_MM = 12; // how far the largest waves go where no scale is known
export const COLOURS = {
  paper: "#fffafa", fine: "#f6c3c3", strong: "#e58f8f", trace: "#111111", other: "#1668c7", text: "#222222", warn: "#b00020",
};

/** Return the millimetres that one unit of the signal is drawn with. */
export function mmPerUnit({ signal, scaleKnown }, gain) {
  if (scaleKnown) return gain;
  let largest = 0;
  for (const lead of signal) {
    const middle = median(lead.subarray(0, 5000));
    for (let i = 0; i < Math.min(lead.length, 5000); i += 1) {
      const away = Math.abs(lead[i] - middle);
      if (away > largest) largest = away;
    }
  }
  return largest > 0 ? NOT_TO_SCALE_MM / largest : 1;
}

/** Draw one sheet with a pen (`canvasPen`, `svgPen`). `sources` are the ECG and, below it, another one. */
export function drawSheet(pen, sheet, view) {
  const { ecg, sources, startS, filters } = view;
  for (const row of sheet.rows) {
    if (ecg?.scaleKnown) pen.line(pulse(sheet, row.baseline), COLOURS.trace, 0.3);
    for (const piece of row.pieces.slice(1)) {
      pen.line([[piece.left, row.baseline - 7], [piece.left, row.baseline - 4]], COLOURS.trace, 0.25);
      pen.line([[piece.left, row.baseline + 4], [piece.left, row.baseline + 7]], COLOURS.trace, 0.25);
    }
    for (const source of sources) {
      for (const piece of row.pieces) drawPiece(pen, sheet, row, piece, source);
    }
  }
  for (const row of sheet.rows) {
    for (const piece of row.pieces) {
      const offset = sources.length ? (sources.at(-1).offsets.get(piece) ?? 0) : 0;
      const y = row.top + Math.min(6, row.height * 0.22);
      const end = pen.text(piece.lead, piece.left + 1, y, { size: 3.5, bold: true });
      if (ecg?.scaleKnown && Math.abs(offset) >= LEAST_OFFSET_MV) {
        const sign = offset < 0 ? "\u2212" : "+";
        pen.text(`offset ${sign}${Math.abs(offset).toFixed(1)} mV`, end + 1.2, y, { size: 2.5 });
      }
    }
  }
  drawWords(pen, sheet, { ecg, startS, filters, note: view.note });
}

function drawPiece(pen, sheet, row, piece, { read, rateHz, perUnit, colour, offsets }) {
  const samples = read(piece.lead, piece.fromS, piece.toS);
  if (samples === null) return;
  const { values, fromS } = samples;
  const offset = median(values);
  offsets.set(piece, offset);
  const x0 = piece.left + (fromS - piece.fromS) * sheet.speed;
  pen.trace(values, { x0, dx: sheet.speed / rateHz, y0: row.baseline + offset * perUnit, dy: -perUnit, colour, lead: piece.lead });
}

function drawWords(pen, sheet, { ecg, startS, filters, note }) {
  const right = sheet.width - 5;
  if (ecg?.caption) pen.text(ecg.caption, 5, 5.5, { size: 3.1, widest: right - 50 });
  const marks = [ecg?.simulated && "SIMULATED", ecg && !ecg.scaleKnown && "NOT TO SCALE"].filter(Boolean);
  if (marks.length) pen.text(marks.join(" · "), right, 5.5, { size: 3.8, bold: true, colour: COLOURS.warn, end: true });
  const foot = sheet.height - 3.5;
  if (!ecg) return;
  const scale = ecg.scaleKnown ? `${sheet.speed} mm/s · ${sheet.gain} mm/mV` : "no scale is known: nothing can be measured here";
  const words = `${scale} · ${ecg.rateHz} Hz · ${inWords(filters)} · each trace centred on its median`;
  const durationS = ecg.signal ? ecg.signal[0].length / ecg.rateHz : 0;
  const end = Math.min(startS + sheet.seconds, durationS);
  pen.text(words + (note ? ` · ${note}` : ""), 5, foot, { size: 2.9, widest: right - 50 });
  pen.text(`${clock(startS)}–${clock(end)} of ${clock(durationS)} min`, right, foot, { size: 2.9, end: true });
}

/** Return a pen on a canvas; `k` are its pixels a millimetre. */
export function canvasPen(context, k) {
  return {
    paper({ width, height }) {
      context.fillStyle = COLOURS.paper;
      context.fillRect(0, 0, Math.ceil(width * k), Math.ceil(height * k));
      const thin = Math.max(1, Math.round(k * 0.1));
      const thick = Math.max(1, Math.round(k * 0.18));
      if (k >= 2.2) gridLines(width, height, 1, COLOURS.fine, thin);
      gridLines(width, height, 5, COLOURS.strong, thick);
    },
    line(points, colour, width) {
      begin(colour, width);
      points.forEach(([x, y], i) => (i ? context.lineTo(x * k, y * k) : context.moveTo(x * k, y * k)));
      context.stroke();
    },
    text(words, x, y, { size, bold = false, colour = COLOURS.text, end = false, widest = Infinity }) {
      context.font = `${bold ? "600 " : ""}${Math.max(size * k, 9)}px system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif`;
      context.textAlign = end ? "right" : "left";
      const shown = shortened(words, (part) => context.measureText(part).width, widest * k);
      context.lineWidth = Math.max(2, k * 0.7);
      context.lineJoin = "round";
      context.strokeStyle = COLOURS.paper;
      context.strokeText(shown, x * k, y * k);
      context.fillStyle = colour;
      context.fillText(shown, x * k, y * k);
      return x + context.measureText(shown).width / k;
    },
    trace(values, { x0, dx, y0, dy, colour }) {
      begin(colour, 0.28);
      const perHalf = 0.5 / (dx * k);
      if (perHalf > 4) outline(values, { x0, dx, y0, dy }, perHalf);
      else {
        let down = false;
        for (let i = 0; i < values.length; i += 1) {
          const y = (y0 + values[i] * dy) * k;
          if (!Number.isFinite(y)) down = false;
          else if (down) context.lineTo((x0 + i * dx) * k, y);
          else {
            context.moveTo((x0 + i * dx) * k, y);
            down = true;
          }
        }
      }
      context.stroke();
    },
  };

  function begin(colour, width) {
    context.strokeStyle = colour;
    context.lineWidth = Math.max(1, width * k);
    context.lineJoin = "round";
    context.lineCap = "butt";
    context.beginPath();
  }

  /** Fill whole pixels: lines between pixels would be blurred. */
  function gridLines(width, height, every, colour, thick) {
    context.fillStyle = colour;
    context.globalAlpha = Math.min(1, Math.max(0.55, (0.2 * k) / thick)); // a whole pixel is thick on a coarse screen
    for (let x = 0; x <= width; x += every) context.fillRect(Math.round(x * k - thick / 2), 0, thick, Math.ceil(height * k));
    for (let y = 0; y <= height; y += every) context.fillRect(0, Math.round(y * k - thick / 2), Math.ceil(width * k), thick);
    context.globalAlpha = 1;
  }

  /** Trace the least and the greatest value of each half pixel: no wave is lost, however many samples there are. */
  function outline(values, { x0, dx, y0, dy }, perHalf) {
    let down = false;
    for (let start = 0; start < values.length; start += perHalf) {
      const [from, to] = [Math.floor(start), Math.min(Math.floor(start + perHalf), values.length)];
      let least = Infinity;
      let most = -Infinity;
      let leastAt = 0;
      let mostAt = 0;
      for (let i = from; i < to; i += 1) {
        if (values[i] < least) [least, leastAt] = [values[i], i];
        if (values[i] > most) [most, mostAt] = [values[i], i];
      }
      if (least > most) {
        down = false;
        continue;
      }
      for (const i of leastAt < mostAt ? [leastAt, mostAt] : [mostAt, leastAt]) {
        const [x, y] = [(x0 + i * dx) * k, (y0 + values[i] * dy) * k];
        if (down) context.lineTo(x, y);
        else context.moveTo(x, y);
        down = true;
      }
    }
  }
}

const SVG = "http://www.w3.org/2000/svg";
let sheets = 0;

/** Return a pen that makes an SVG in true millimetres, for print; `svg` is what it made. */
export function svgPen({ width, height }) {
  sheets += 1;
  const svg = node("svg", { width: `${width}mm`, height: `${height}mm`, viewBox: `0 0 ${width} ${height}`, class: "ecg-svg" });
  return {
    svg,
    paper() {
      const [fine, strong] = [`ecg-mm-${sheets}`, `ecg-cm-${sheets}`];
      const defs = svg.appendChild(node("defs", {}));
      const small = defs.appendChild(node("pattern", { id: fine, width: 1, height: 1, patternUnits: "userSpaceOnUse" }));
      small.append(node("path", { d: "M1 0H0V1", fill: "none", stroke: COLOURS.fine, "stroke-width": 0.1 }));
      const large = defs.appendChild(node("pattern", { id: strong, width: 5, height: 5, patternUnits: "userSpaceOnUse" }));
      large.append(
        node("rect", { width: 5, height: 5, fill: `url(#${fine})` }),
        node("path", { d: "M5 0H0V5", fill: "none", stroke: COLOURS.strong, "stroke-width": 0.18 }),
      );
      svg.append(node("rect", { width: "100%", height: "100%", fill: `url(#${strong})` }));
    },
    line(points, colour, thick) {
      svg.append(node("polyline", { points: points.map(String).join(" "), fill: "none", stroke: colour, "stroke-width": thick }));
    },
    text(words, x, y, { size, bold = false, colour = COLOURS.text, end = false, widest = Infinity }) {
      const wide = (part) => part.length * size * 0.52;
      const shown = shortened(words, wide, widest);
      const text = node("text", {
        x, y, "font-size": size, "font-weight": bold ? 600 : 400, "font-family": "sans-serif", fill: colour,
        "text-anchor": end ? "end" : "start",
      });
      text.textContent = shown;
      svg.append(text);
      return x + wide(shown) * 1.1;
    },
    trace(values, { x0, dx, y0, dy, colour, lead }) {
      let d = "";
      let down = false;
      for (let i = 0; i < values.length; i += 1) {
        const y = y0 + values[i] * dy;
        if (Number.isFinite(y)) d += `${down ? "L" : "M"}${(x0 + i * dx).toFixed(2)} ${y.toFixed(2)}`;
        down = Number.isFinite(y);
      }
      svg.append(node("path", { d, fill: "none", stroke: colour, "stroke-width": 0.28, "stroke-linejoin": "round", "data-lead": lead }));
    },
  };
}

function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function shortened(words, wide, widest) {
  if (wide(words) <= widest) return words;
  let [fits, fails] = [0, words.length];
  while (fails - fits > 1) {
    const middle = (fits + fails) >> 1;
    if (wide(`${words.slice(0, middle)}…`) <= widest) fits = middle;
    else fails = middle;
  }
  return `${words.slice(0, fits)}…`;
}
