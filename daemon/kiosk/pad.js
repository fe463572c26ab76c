// The number pad: a number and a PIN, typed as one. What is typed is shown as dots and forgotten.

/** Most digits that anybody's number and PIN have. */
const MOST = 14;

/** A pad that nobody touches goes away, with what was typed. */
const IDLE_MS = 20_000;

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "back", "0", "enter"];

/**
 * A pad in `section`. `make(text, press, symbol)` makes a button, `entered` is given the digits, `closed` is told
 * that nobody types any more.
 */
export function pad(section, { make, entered, closed }) {
  const [title, dots, cancel, grid] = ["h2", ".dots", ".cancel", ".pad"].map((part) => section.querySelector(part));
  let typed = "";
  let timer;

  function show() {
    dots.textContent = "●".repeat(typed.length);
    clearTimeout(timer);
    timer = setTimeout(close, IDLE_MS);
  }

  function close() {
    typed = "";
    dots.textContent = "";
    clearTimeout(timer);
    closed();
  }

  function enter() {
    if (!typed) return;
    const digits = typed;
    close();
    entered(digits);
  }

  function press(key) {
    if (key === "enter") return enter();
    if (key === "back") typed = typed.slice(0, -1);
    else if (typed.length < MOST) typed += key;
    show();
  }

  return {
    /** Opens it in these words. */
    open(say) {
      typed = "";
      title.textContent = say.pin_title;
      cancel.replaceChildren(make(say.cancel, close, null));
      const keys = KEYS.map((key) => {
        if (key === "back") return Object.assign(make("", () => press(key), "back"), { ariaLabel: say.delete });
        if (key === "enter") return Object.assign(make(say.ok, () => press(key), null), { className: "enter" });
        return make(key, () => press(key), null);
      });
      grid.replaceChildren(...keys);
      show();
    },

    /** A key of a keyboard. */
    key(name) {
      if (/^[0-9]$/.test(name)) press(name);
      else if (name === "Backspace") press("back");
      else if (name === "Enter") enter();
      else if (name === "Escape") close();
    },

    close,
  };
}
