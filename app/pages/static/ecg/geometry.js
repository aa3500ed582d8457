// Where everything stands on the paper, in millimetres. Canvas, calipers and print all draw from it.

export const LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
export const SPEEDS = [12.5, 25, 50];
export const GAINS = [5, 10, 20];
export const PAGE_S = 10;

const LIMB = [["I", "II", "III"], ["aVR", "aVL", "aVF"]];
const CHEST = [["V1", "V2", "V3"], ["V4", "V5", "V6"]];
const LAYOUTS = {
  "3x4": { name: "3 × 4, one strip", columns: [...LIMB, ...CHEST], strips: ["II"], rowMm: 35 },
  "3x4+3": { name: "3 × 4, three strips", columns: [...LIMB, ...CHEST], strips: ["II", "V1", "V5"], rowMm: 35 },
  "6x2": { name: "6 × 2", columns: [LIMB.flat(), CHEST.flat()], strips: ["II"], rowMm: 25 },
  "12x1": { name: "12 × 1", columns: [LEADS], strips: [], rowMm: 20 },
};
export const LAYOUT_NAMES = Object.entries(LAYOUTS).map(([key, { name }]) => [key, name]);

const LEFT = 20; // room for the calibration pulse; a multiple of 5, so that each trace begins on a strong line
const RIGHT = 5;
const TOP = 10;
const BOTTOM = 10;

/**
 * Return the plan of one sheet: its size, and rows with pieces of traces. Baselines lie on strong lines of the paper.
 * A piece shows its lead from `fromS` to `toS`, seconds after the sheet's start.
 */
export function plan({ layout, speed, gain, seconds = PAGE_S, rowMm = null }) {
  const { columns, strips, rowMm: usual } = LAYOUTS[layout];
  const high = rowMm ?? (gain > 10 ? 5 * Math.round((usual * 1.5) / 5) : usual);
  const columnS = seconds / columns.length;
  const rows = columns[0].map((_, row) => columns.map((leads, column) => ({
    lead: leads[row], left: LEFT + column * columnS * speed, fromS: column * columnS, toS: (column + 1) * columnS,
  })));
  rows.push(...strips.map((lead) => [{ lead, left: LEFT, fromS: 0, toS: seconds }]));
  return {
    left: LEFT,
    width: LEFT + seconds * speed + RIGHT,
    height: TOP + rows.length * high + BOTTOM,
    speed,
    gain,
    seconds,
    rows: rows.map((pieces, index) => {
      const top = TOP + index * high;
      return { top, height: high, baseline: 5 * Math.round((top + high * 0.57) / 5), pieces };
    }),
  };
}

/** Return the calibration pulse of a row, 1 mV for 200 ms, as points in millimetres. */
export function pulse({ speed, gain }, baseline) {
  const end = LEFT - 5;
  const start = end - 0.2 * speed;
  return [
    [start - 2, baseline], [start, baseline], [start, baseline - gain], [end, baseline - gain], [end, baseline],
    [end + 2, baseline],
  ];
}

/** Return the row that a height in millimetres is in. */
export function rowAt({ rows }, y) {
  return rows.find((row) => y >= row.top && y < row.top + row.height) ?? (y < rows[0].top ? rows[0] : rows.at(-1));
}

/** Return the middle value of some samples, numbers or NaN; 0 where there is none. */
export function median(samples) {
  const sorted = new Float32Array(samples).sort(); // NaN comes last
  let known = sorted.length;
  while (known && Number.isNaN(sorted[known - 1])) known -= 1;
  if (known === 0) return 0;
  const middle = known >> 1;
  return known % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Return seconds as minutes and seconds. */
export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const whole = Math.floor(tenths / 10);
  const rest = tenths % 10 ? `.${tenths % 10}` : "";
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}${rest}`;
}
