// Texts and what is found in them: pure functions. Positions are in code points, as the API counts them.

const STRENGTH = ["present", "uncertain", "negated", "historical"];

/** Return the pieces of a text: `{text, finding, isCue}`, where `finding` is null between findings. */
export function pieces(text, findings) {
  const points = Array.from(text);
  const owner = new Array(points.length).fill(null);
  for (const finding of findings) {
    const spans = [[finding.start, finding.end, false]];
    if (finding.cue_start !== null && finding.cue_start !== undefined) spans.push([finding.cue_start, finding.cue_end, true]);
    for (const [start, end, isCue] of spans)
      for (let at = start; at < Math.min(end, points.length); at += 1) owner[at] ??= { finding, isCue };
  }
  const found = [];
  let last = null;
  points.forEach((point, at) => {
    const here = owner[at];
    const same = last && last.finding === (here?.finding ?? null) && last.isCue === (here?.isCue ?? false);
    if (same) last.text += point;
    else found.push((last = { text: point, finding: here?.finding ?? null, isCue: here?.isCue ?? false }));
  });
  return found;
}

/** Return each label's status: the strongest where a text says several. */
export function statuses(findings) {
  const found = new Map();
  for (const { label, status } of findings) {
    const known = found.get(label);
    if (known === undefined || STRENGTH.indexOf(status) < STRENGTH.indexOf(known)) found.set(label, status);
  }
  return found;
}

const stands = (status) => status === "present" || status === "uncertain";

function verb(before, after) {
  if (before === after) return null;
  if (!stands(before) && after === "present") return ["added", "add"];
  if (!stands(before) && after === "uncertain") return ["added", "add as possible"];
  if (before === "present" && after === "uncertain") return ["hedged", "hedge"];
  if (before === "uncertain" && after === "present") return ["added", "are sure of"];
  if (stands(before) && after === "negated") return ["removed", "deny"];
  if (stands(before) && after === "historical") return ["removed", "call past"];
  if (stands(before)) return ["removed", before === "uncertain" ? "drop the possible" : "remove"];
  if (after === "negated") return ["same", "also deny"];
  if (after === "historical") return ["same", "also call past"];
  return ["same", before === "negated" ? "no longer deny" : "no longer mention the past"];
}

/** Return what changes between two readings' findings, label by label: `{label, kind, verb, before, after}`. */
export function changes(before, after) {
  const from = statuses(before);
  const to = statuses(after);
  const found = [];
  for (const label of new Set([...from.keys(), ...to.keys()])) {
    const said = verb(from.get(label), to.get(label));
    if (said) found.push({ label, kind: said[0], verb: said[1], before: from.get(label) ?? null, after: to.get(label) ?? null });
  }
  return found;
}

/** Return changes as a sentence: "You add Atrial Flutter, LVH; remove Sinus Rhythm." */
export function sentence(found, names) {
  if (!found.length) return "The labels stay as they are.";
  const verbs = new Map();
  for (const { verb: said, label } of inOrder(found, names)) verbs.set(said, [...(verbs.get(said) ?? []), names[label] ?? label]);
  return `You ${[...verbs].map(([said, labels]) => `${said} ${labels.join(", ")}`).join("; ")}.`;
}

/** Return changes: what is added first, then hedged, then removed, each in the order of the labels' names. */
export function inOrder(found, names) {
  const labels = Object.keys(names);
  const rank = ({ kind, verb: said }) => 10 * ["added", "hedged", "removed", "same"].indexOf(kind) + said.length / 100;
  return [...found].sort((a, b) => rank(a) - rank(b) || labels.indexOf(a.label) - labels.indexOf(b.label));
}

/** Return the longest common subsequence of two lists as pairs of places. */
export function common(a, b) {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1)
    for (let j = b.length - 1; j >= 0; j -= 1)
      lengths[i][j] = a[i] === b[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
  const found = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) found.push([i++, j++]);
    else if (lengths[i + 1][j] >= lengths[i][j + 1]) i += 1;
    else j += 1;
  }
  return found;
}

const words = (text) => text.match(/[\p{L}\p{N}]+|[^\p{L}\p{N}\s]|\s+/gu) ?? [];
const MOST_WORDS = 1500;

/** Return two texts' words with what differs marked: `[{text, differs}]` for each. */
export function differing(a, b) {
  const [left, right] = [words(a), words(b)];
  if (left.length > MOST_WORDS || right.length > MOST_WORDS) {
    return [[{ text: a, differs: a !== b }], [{ text: b, differs: a !== b }]];
  }
  const plain = (list) => list.map((word) => word.toLowerCase().replace(/^\s+$/u, " "));
  const pairs = common(plain(left), plain(right));
  const mark = (list, kept) =>
    list.reduce((done, text, at) => {
      const differs = !kept.has(at) && text.trim() !== "";
      const last = done.at(-1);
      if (last && (last.differs === differs || (last.differs && text.trim() === "" && !kept.has(at)))) last.text += text;
      else done.push({ text, differs });
      return done;
    }, []);
  return [mark(left, new Set(pairs.map(([i]) => i))), mark(right, new Set(pairs.map(([, j]) => j)))];
}

const SAYS_SOMETHING = /[\p{L}\p{N}]/u;
const BLANK = /\s/u;

/** Return a reading's lines: its statements, and what stands between them where that says something. */
export function linesOf(reading) {
  const points = Array.from(reading.text);
  const found = [];
  const cut = (from, to) => {
    let [start, end] = [from, to];
    while (start < end && BLANK.test(points[start])) start += 1;
    while (start < end && BLANK.test(points[end - 1])) end -= 1;
    const text = points.slice(start, end).join("");
    if (SAYS_SOMETHING.test(text)) found.push({ text: text.replace(/\s*\n\s*/gu, " "), start, end });
  };
  let at = 0;
  for (const { start, end } of [...reading.statements].sort((a, b) => a.start - b.start)) {
    if (start < at) continue;
    cut(at, start);
    cut(start, end);
    at = end;
  }
  cut(at, points.length);
  return found;
}

/** Return the rows of a draft: the machine's lines, each kept, edited or struck out, and lines that were added. */
export function rowsOf(machineLines, text) {
  const mine = text.split("\n").map((line) => line.trim()).filter(Boolean);
  const rows = [];
  let [i, j] = [0, 0];
  for (const [a, b] of [...common(machineLines, mine), [machineLines.length, mine.length]]) {
    for (; i < a; i += 1) {
      const machine = machineLines[i];
      const edited = mine.findIndex((line, at) => at >= j && at < b && share(machine, line));
      if (edited < 0) {
        rows.push({ ...row(machine, machine), struck: true });
        continue;
      }
      for (; j < edited; j += 1) rows.push(row(null, mine[j]));
      rows.push(row(machine, mine[j]));
      j += 1;
    }
    for (; j < b; j += 1) rows.push(row(null, mine[j]));
    if (a < machineLines.length) rows.push(row(machineLines[a], mine[b]));
    [i, j] = [a + 1, b + 1];
  }
  return rows;
}

export const row = (machine, text) => ({ machine, text, struck: false });

function share(a, b) {
  const own = new Set(a.toLowerCase().match(/[\p{L}]{3,}/gu) ?? []);
  return (b.toLowerCase().match(/[\p{L}]{3,}/gu) ?? []).some((word) => own.has(word));
}

const GERMAN = /[äöüß]|\b(und|mit|nicht|kein|keine|verdacht|vorhof\w*|sinusrhythmus|linkstyp|rechtstyp|indifferenztyp|\w*schenkelblock)\b/i;
const HEDGES = ["Possible ", "V. a. "];

/** Return a statement with a hedge before it, or without the one that stands there. */
export function hedged(text) {
  const hedge = HEDGES.find((each) => text.toLowerCase().startsWith(each.toLowerCase()));
  if (hedge !== undefined) {
    const rest = text.slice(hedge.length);
    return rest.charAt(0).toUpperCase() + rest.slice(1);
  }
  if (GERMAN.test(text)) return `${HEDGES[1]}${text}`;
  const isWord = /^\p{Lu}\p{Ll}/u.test(text);
  return `${HEDGES[0]}${isWord ? text.charAt(0).toLowerCase() + text.slice(1) : text}`;
}
