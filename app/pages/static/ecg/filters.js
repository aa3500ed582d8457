// Filters of what is drawn, never of what is stored. Each runs forwards and backwards, so no wave moves in time.

export const OFF = { highpass: 0, lowpass: 0, notch: 0 };
export const CHOICES = { highpass: [0, 0.5], lowpass: [0, 40, 150], notch: [0, 50, 60] };

const NOTCH_Q = 30;
const BUTTERWORTH_Q = Math.SQRT1_2;

/** Return the filters in words, as they are printed on the paper. */
export function inWords({ highpass, lowpass, notch }) {
  const on = [
    highpass && `high-pass ${highpass} Hz`, lowpass && `low-pass ${lowpass} Hz`, notch && `notch ${notch} Hz`,
  ].filter(Boolean);
  return on.length ? `FILTERED: ${on.join(", ")} (zero phase)` : "no filter";
}

/** Return whether a filter works at a sampling rate: its frequency must lie below half of it. */
export const possible = (frequency, rateHz) => frequency < rateHz / 2;

/** Return filtered samples. `reach` are samples, mirrored at both ends, in which the filters settle. */
export function filtered(samples, rateHz, { highpass, lowpass, notch }) {
  const sections = [
    highpass && section("highpass", highpass, rateHz, BUTTERWORTH_Q),
    lowpass && possible(lowpass, rateHz) && section("lowpass", lowpass, rateHz, BUTTERWORTH_Q),
    notch && possible(notch, rateHz) && section("notch", notch, rateHz, NOTCH_Q),
  ].filter(Boolean);
  if (sections.length === 0 || samples.length < 2) return samples;
  const reach = Math.min(samples.length - 1, Math.ceil(3 * rateHz));
  const padded = mirrored(samples, reach);
  for (const each of sections) {
    run(padded, each);
    padded.reverse();
    run(padded, each);
    padded.reverse();
  }
  const inner = Float32Array.from(padded.subarray(reach, reach + samples.length));
  for (let i = 0; i < samples.length; i += 1) if (!Number.isFinite(samples[i])) inner[i] = NaN;
  return inner;
}

/** Return samples with both ends turned about their outermost sample; a gap holds the value before it. */
function mirrored(samples, reach) {
  const length = samples.length;
  const padded = new Float64Array(length + 2 * reach);
  let last = samples.find(Number.isFinite) ?? 0;
  for (let i = 0; i < length; i += 1) padded[reach + i] = last = Number.isFinite(samples[i]) ? samples[i] : last;
  const [first, end] = [padded[reach], padded[reach + length - 1]];
  for (let i = 1; i <= reach; i += 1) {
    padded[reach - i] = 2 * first - padded[reach + i];
    padded[reach + length - 1 + i] = 2 * end - padded[reach + length - 1 - i];
  }
  return padded;
}

/** Return a second-order section (R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients"). */
function section(kind, frequency, rateHz, q) {
  const w = (2 * Math.PI * frequency) / rateHz;
  const cos = Math.cos(w);
  const alpha = Math.sin(w) / (2 * q);
  const b = {
    lowpass: [(1 - cos) / 2, 1 - cos, (1 - cos) / 2],
    highpass: [(1 + cos) / 2, -(1 + cos), (1 + cos) / 2],
    notch: [1, -2 * cos, 1],
  }[kind];
  return [...b, -2 * cos, 1 - alpha].map((value) => value / (1 + alpha));
}

/** Filter in place, in transposed direct form II, beginning in the steady state of the first sample. */
function run(x, [b0, b1, b2, a1, a2]) {
  const gain = (b0 + b1 + b2) / (1 + a1 + a2);
  let z1 = (gain - b0) * x[0];
  let z2 = (b2 - a2 * gain) * x[0];
  for (let i = 0; i < x.length; i += 1) {
    const y = b0 * x[i] + z1;
    z1 = b1 * x[i] - a1 * y + z2;
    z2 = b2 * x[i] - a2 * y;
    x[i] = y;
  }
}
