// Waveforms from the service (`format=packed`), kept for the page that asked for them.

const MOST_KEPT = 6;
const ARRAYS = { i4: Int32Array, i2: Int16Array };
const kept = new Map();

/** What went wrong when a waveform was asked for: `status` and `code` are the service's. */
export class WaveformProblem extends Error {
  constructor(message, status = 0, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * Return a promise of `{ signal: Float32Array[12], rateHz }`. The same address is asked for once; the last few are kept
 * in the page's memory, so that the next ECG can be loaded before it is needed.
 */
export function load(url) {
  const known = kept.get(url);
  if (known) {
    kept.delete(url);
    kept.set(url, known);
    return known;
  }
  const asked = fetched(url);
  kept.set(url, asked);
  asked.catch(() => kept.delete(url));
  while (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  return asked;
}

async function fetched(url) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin" });
  } catch {
    throw new WaveformProblem("The service does not answer. Try again in a moment.");
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    const said = problem.detail ?? `The service answered ${response.status}.`;
    throw new WaveformProblem(said, response.status, problem.code ?? "");
  }
  const rateHz = Number(response.headers.get("Sampling-Rate-Hz")) || null;
  const buffer = await response.arrayBuffer();
  performance.mark("ecg:data", { detail: url });
  const signal = unpacked(buffer, response.headers.get("Signal-Gain").split(",").map(Number));
  signal.scaleKnown = response.headers.get("Signal-Unit") !== "unknown"; // on the signal: nobody can forget to pass it on
  return { signal, rateHz, scaleKnown: signal.scaleKnown };
}

/** Return 12 rows of an `.npy` of packed steps, of which `gains` make a millivolt; NaN was not recorded. */
export function unpacked(buffer, gains) {
  const view = new DataView(buffer);
  const long = view.getUint8(6) > 1;
  const start = long ? 12 : 10;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, start, length));
  const shape = /'shape': \((\d+), (\d+)\)/.exec(header);
  const type = /'descr': '<(i[24])'/.exec(header)?.[1];
  if (!shape || !type || header.includes("'fortran_order': True")) throw new WaveformProblem("The waveform is not readable.");
  const samples = Number(shape[2]);
  const numbers = new ARRAYS[type](buffer.slice(start + length));
  const leads = Array.from({ length: Number(shape[1]) }, (_, lead) => numbers.subarray(lead * samples, (lead + 1) * samples));
  for (const row of leads) for (let i = 1; i < samples; i += 1) row[i] += row[i - 1]; // what is stored in `row` wraps around
  const [one, two, three, aVR, aVL, aVF] = leads;
  for (let i = 0; i < samples; i += 1) { // what I and II say of the other limb leads: `app/ecgs/packing.py` has taken it off
    const a = one[i];
    const b = two[i];
    three[i] += b - a;
    aVR[i] += Math.floor(-(a + b) / 2);
    aVL[i] += Math.floor((2 * a - b) / 2);
    aVF[i] += Math.floor((2 * b - a) / 2);
  }
  const missing = type === "i2" ? -(2 ** 15) : -(2 ** 31);
  return leads.map((row, lead) => {
    const signal = new Float32Array(samples);
    const gain = gains[lead];
    for (let i = 0; i < samples; i += 1) signal[i] = row[i] === missing ? NaN : row[i] / gain;
    return signal;
  });
}
