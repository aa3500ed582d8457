// How large a millimetre is on this screen: nominally 96/25.4 CSS pixels; measured once with a card, exactly that card.

const KEY = "screen-px-per-mm";
const CARD_MM = 85.6; // the width of a bank card, ISO/IEC 7810 ID-1
export const NOMINAL = 96 / 25.4;

/** Return the CSS pixels of a millimetre, and whether somebody has measured this screen. */
export function pxPerMm() {
  const kept = Number(localStorage.getItem(KEY));
  return kept >= 1 && kept <= 20 ? { px: kept, measured: true } : { px: NOMINAL, measured: false };
}

/** Ask for the card; resolves when the dialog is closed. Afterwards every paper of the page is drawn anew. */
export function calibrate() {
  const dialog = document.createElement("dialog");
  dialog.className = "ecg-dialog card";
  dialog.setAttribute("aria-labelledby", "ecg-calibrate");
  dialog.innerHTML = `
    <h2 id="ecg-calibrate">Millimetres on this screen</h2>
    <p>Hold a bank card against the screen and move the slider until the frame is as wide as the card (85.60 mm).
      A large square of the paper is then 5 mm. The relation of the paper to time and voltage holds either way.</p>
    <svg class="ecg-card" height="60" role="presentation"><rect x="1" y="1" height="58" rx="8"/></svg>
    <label class="field"><span>Width of the card in pixels</span><input type="range" min="170" max="700" step="0.5"></label>
    <form method="dialog" class="toolbar">
      <button class="button button-primary" value="keep">Keep</button>
      <button class="button" value="forget">Back to the usual size</button>
      <button class="button button-quiet" value="">Cancel</button>
    </form>`;
  const slider = dialog.querySelector("input");
  const frame = dialog.querySelector("rect");
  const card = dialog.querySelector("svg");
  const show = () => {
    card.setAttribute("width", Number(slider.value) + 2);
    frame.setAttribute("width", slider.value);
    slider.setAttribute("aria-valuetext", `${slider.value} pixels`);
  };
  slider.value = pxPerMm().px * CARD_MM;
  slider.addEventListener("input", show);
  show();
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "keep") localStorage.setItem(KEY, String(Number(slider.value) / CARD_MM));
      if (dialog.returnValue === "forget") localStorage.removeItem(KEY);
      dialog.remove();
      dispatchEvent(new Event("ecg:screen"));
      done();
    });
  });
}
