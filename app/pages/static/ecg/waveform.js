// Waveforms from the service: 12 rows as NumPy's `.npy`, in millivolt or (`format=steps`, a quarter as long) in steps, kept for the page that asked for them.

const MOST_KEPT = 6;
const ARRAYS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, i2: Int16Array };
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
  const signal = rows(buffer, response.headers.get("Signal-Gain")?.split(",").map(Number));
  signal.scaleKnown = response.headers.get("Signal-Unit") !== "unknown"; // on the signal: nobody can forget to pass it on
  return { signal, rateHz, scaleKnown: signal.scaleKnown };
}

/** Return the rows of a two-dimensional `.npy`: floats, or integers of which `gains` make a unit; the least is missing. */
export function rows(buffer, gains) {
  const view = new DataView(buffer);
  const long = view.getUint8(6) > 1;
  const start = long ? 12 : 10;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, start, length));
  const shape = /'shape': \((\d+), (\d+)\)/.exec(header);
  const Numbers = ARRAYS[/'descr': '<(..)'/.exec(header)?.[1]];
  if (!shape || !Numbers || header.includes("'fortran_order': True")) throw new WaveformProblem("The waveform is not readable.");
  const [leads, samples] = [Number(shape[1]), Number(shape[2])];
  const values = new Numbers(buffer.slice(start + length));
  const missing = { i2: -(2 ** 15), i4: -(2 ** 31) }[/<(..)/.exec(header)[1]];
  return Array.from({ length: leads }, (_, lead) => {
    const row = Float32Array.from(values.subarray(lead * samples, (lead + 1) * samples));
    if (missing === undefined) return row;
    for (let i = 0; i < samples; i += 1) row[i] = row[i] === missing ? NaN : row[i] / gains[lead];
    return row;
  });
}
