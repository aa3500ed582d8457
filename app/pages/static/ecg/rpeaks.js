// Where the beats are, as far as laying one ECG over another needs it: no measurement is made of them.

const WINDOW_S = 0.08;
const APART_S = 0.25;
const LEAST = 0.4; // of the steepest: a beat

/** Return the time of the first R peak of a record, in seconds; null where none is found. */
export function firstPeak({ signal, rateHz }) {
  const samples = Math.min(signal[0].length, Math.round(10 * rateHz));
  const slopes = new Float64Array(samples);
  const step = Math.max(1, Math.round(0.01 * rateHz));
  for (const lead of signal) {
    for (let i = step; i < samples; i += 1) {
      const slope = Math.abs(lead[i] - lead[i - step]);
      if (Number.isFinite(slope)) slopes[i] += slope;
    }
  }
  const width = Math.max(1, Math.round(WINDOW_S * rateHz));
  const energy = new Float64Array(samples);
  let sum = 0;
  for (let i = 0; i < samples; i += 1) {
    sum += slopes[i] - (i >= width ? slopes[i - width] : 0);
    energy[i] = sum;
  }
  const steepest = energy.reduce((most, each) => Math.max(most, each), 0);
  const begin = energy.findIndex((each, i) => each > LEAST * steepest && i > width);
  if (steepest === 0 || begin < 0) return null;
  const end = Math.min(samples, begin + Math.round((APART_S / 2) * rateHz));
  return largest(signal, Math.max(0, begin - width), end) / rateHz;
}

/** Return the sample between two where all leads together are farthest from where they lie there in the middle. */
function largest(signal, from, to) {
  const middles = signal.map((lead) => lead.slice(from, to).sort()[(to - from) >> 1]);
  let [most, at] = [-1, from];
  for (let i = from; i < to; i += 1) {
    const away = signal.reduce((sum, lead, index) => sum + Math.abs(lead[i] - middles[index]), 0);
    if (away > most) [most, at] = [away, i];
  }
  return at;
}
