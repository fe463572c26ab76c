// The terminal's screen: shows what the terminal says, and says what is pressed. It decides nothing.

import { clear, follow } from "./mirror.js";
import { pad } from "./pad.js";
import { play } from "./sound.js";
import { dateOf, filled, load, timeOf, words } from "./words.js";

/** A language that somebody chose holds as long as somebody is there. */
const CHOSEN_MS = 30_000;

const $ = (id) => document.getElementById(id);

let shown = null;
let chosen = null;
let chosenUntil = 0;
let answered = -1;

async function post(path, message) {
  const body = JSON.stringify(message ?? {});
  const answer = await fetch(path, { method: "POST", body, headers: { "content-type": "application/json" } }).catch(() => null);
  return answer?.status ?? 0;
}

function button(text, press, symbol) {
  const made = document.createElement("button");
  made.type = "button";
  if (symbol) made.append(icon(symbol));
  made.append(text);
  made.addEventListener("click", press);
  return made;
}

function icon(symbol) {
  const SVG = "http://www.w3.org/2000/svg";
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("aria-hidden", "true");
  made.append(document.createElementNS(SVG, "use"));
  made.firstChild.setAttribute("href", `#${symbol}`);
  return made;
}

/** The words of now: the person's, the chosen ones, the site's. */
function spoken() {
  const site = shown?.languages[0] ?? "en";
  if (chosen && Date.now() > chosenUntil) chosen = null;
  return [shown?.view.language, chosen, site, "en"].find((language) => language && words(language)) ?? "en";
}

/** How an answer looks and sounds: its tone, symbol, words, and what may be pressed. */
const ANSWERS = {
  punched(view, say) {
    const { seq, direction, amended } = view;
    if (amended === "not_me") return { tone: "known", symbol: "done", word: say.not_me_done, keys: [] };
    const today = view.minutes === null ? [] : [filled(say.today, { hours: Math.floor(view.minutes / 60), minutes: view.minutes % 60 })];
    const other = direction === "in" ? "out" : "in";
    return {
      tone: direction,
      symbol: direction,
      word: say[direction],
      who: view.name,
      line: [timeOf(new Date(view.at), say, shown.zone), ...today].join(" · "),
      keys: [
        [say[`change_${other}`], () => amend(seq, other), other],
        [say.not_me, () => amend(seq, "not_me"), "no"],
      ],
    };
  },

  again(view, say) {
    const known = "in" in view;
    const word = !known ? say.already : view.in ? say.already_in : say.already_out;
    const line = known && view.since ? filled(say.since, { time: timeOf(new Date(view.since), say, shown.zone) }) : "";
    return { tone: "known", symbol: "done", word, who: view.name, line, keys: [] };
  },

  reverses(view, say) {
    const line = "in" in view && view.since ? filled(view.in ? say.in_since : say.out_since, { time: timeOf(new Date(view.since), say, shown.zone) }) : "";
    const ways = "in" in view ? [view.in ? "out" : "in"] : ["in", "out"];
    const word = ways.length === 1 ? say[`ask_${ways[0]}`] : say.ask;
    return {
      tone: "known",
      symbol: "ask",
      word,
      who: view.name,
      line,
      keys: [...ways.map((way) => [say[way], () => post("direction", { direction: way }), way]), [say.no, () => dismiss(), null]],
    };
  },

  refused(view, say) {
    return { tone: "refused", symbol: "no", word: say.why[view.why] ?? say.hints[view.why] ?? say.why.unknown, keys: [] };
  },
};

/** What somebody answered with no is seen enough. */
let dismissed = -1;
function dismiss() {
  dismissed = shown.number;
  render();
}

let tooLate = -1;
async function amend(seq, change) {
  const number = shown.number;
  for (const key of $("keys").children) key.disabled = true;
  const status = await post("amend", { seq, change });
  if (status === 204 || shown.number !== number) return;
  tooLate = number;
  answered = -1;
  render();
}

/** Whether somebody types, and the view that was shown when what was typed went to the terminal. */
let typing = false;
let checking = -1;
const keypad = pad($("typed"), {
  make: button,
  async entered(typed) {
    checking = shown?.number ?? -1;
    render();
    await post("pin", { typed });
    checking = -1;
    render();
  },
  closed() {
    typing = false;
    // Whoever types is not told that their face is nobody's.
    if (shown?.view.kind === "refused") dismissed = shown.number;
    render();
  },
});

function type() {
  typing = true;
  keypad.open(words(spoken()));
  render();
}

function render() {
  if (!shown) return;
  const language = spoken();
  const say = words(language);
  if (!say) return;
  document.documentElement.lang = language;
  document.documentElement.dir = say.dir;
  badges(say);
  const kind = shown.view.kind;
  const isPassedOver = shown.number === dismissed || (typing && kind === "refused");
  const answer = isPassedOver ? undefined : ANSWERS[kind]?.(shown.view, say);
  // Who is answered types no more.
  if (answer && typing) keypad.close();
  const idle = kind === "guide" ? "guide" : "idle";
  const view = answer ? kind : checking === shown.number ? "wait" : typing ? "pin" : idle;
  document.body.dataset.view = view;
  document.body.dataset.tone = answer?.tone ?? "";
  $("answer").hidden = !answer;
  $("wait").hidden = view !== "wait";
  $("typed").hidden = view !== "pin";
  $("idle").hidden = view !== idle;
  $("moment").textContent = say.wait;
  if (answer) answers(answer, say);
  else idles(say);
}

function answers({ tone, symbol, word, who, line, keys }, say) {
  if (answered === shown.number) return;
  answered = shown.number;
  const late = tooLate === shown.number;
  $("icon").firstChild.setAttribute("href", `#${symbol}`);
  $("word").textContent = word;
  $("word").classList.toggle("long", word.length > 10);
  $("who").textContent = who ?? "";
  $("line").textContent = late ? say.too_late : (line ?? "");
  const buttons = late ? [] : keys.map(([text, press, mark]) => button(text, press, mark));
  $("keys").replaceChildren(...buttons);
  $("left").hidden = buttons.length === 0;
  $("left").style.setProperty("--left", `${shown.left_ms ?? 0}ms`);
  // The same bar again begins anew.
  $("left").replaceChildren(document.createElement("div"));
  if (shown.sounds && !late) play(tone);
}

/** What is to be done now: a hint, and a symbol where no picture is shown. */
function asked(say) {
  if (shown.view.kind === "guide") return [say.hints[shown.view.guide], null];
  if (shown.looks === "never") return [say.type, "pad"];
  if (shown.is_camera_lost) return [say.type, "blind"];
  if (shown.looks === "touched" && !shown.is_looking) return [say.touch, "touch"];
  return [say.look, shown.is_looking ? null : "camera"];
}

function idles(say) {
  answered = shown.number;
  const [hint, symbol] = asked(say);
  const now = new Date();
  $("time").textContent = timeOf(now, say, shown.zone);
  $("date").textContent = dateOf(now, say, shown.zone);
  if ($("hint").textContent !== hint) $("hint").textContent = hint;
  $("instead").toggleAttribute("hidden", !symbol);
  if (symbol) $("instead").firstChild.setAttribute("href", `#${symbol}`);
  $("outline").toggleAttribute("hidden", Boolean(symbol));
  $("picture").hidden = Boolean(symbol) || !shown.preview;
  if (symbol) clear();
  $("notice").lastChild.textContent = shown.looks === "never" ? say.notice_badges : say.notice;
  if ($("ways").lang !== say.locale) {
    $("ways").lang = say.locale;
    $("ways").replaceChildren(button(say.pin, type, "pad"));
  }
  languages();
}

function languages() {
  const now = spoken();
  const offered = shown.languages.length > 1 ? shown.languages.filter(words) : [];
  const held = [...$("languages").children].map((one) => one.lang).join();
  if (held !== offered.join()) {
    const made = offered.map((language) => {
      return Object.assign(button(words(language).name, () => choose(language)), { lang: language });
    });
    $("languages").replaceChildren(...made);
  }
  for (const one of $("languages").children) one.setAttribute("aria-pressed", String(one.lang === now));
}

function choose(language) {
  [chosen, chosenUntil] = [language, Date.now() + CHOSEN_MS];
  if (typing) keypad.open(words(language));
  render();
}

function badges(say) {
  const wanted = [
    [shown.is_disk_full, "disk", say.disk],
    [shown.is_offline, "offline", say.offline],
    [shown.is_clock_unsure, "clock", say.clock],
    [shown.is_camera_lost && shown.looks !== "never", "blind", say.camera],
  ].filter(([holds]) => holds);
  const text = wanted.map(([, , text]) => text).join("\n");
  if ($("badges").dataset.said === text) return;
  $("badges").dataset.said = text;
  const made = wanted.map(([, symbol, text]) => {
    const one = document.createElement("li");
    one.append(icon(symbol), text);
    return one;
  });
  $("badges").replaceChildren(...made);
}

/** The terminal's program does not answer. */
function waits() {
  shown = null;
  document.body.dataset.view = "wait";
  document.body.dataset.tone = "";
  for (const id of ["idle", "answer", "typed"]) $(id).hidden = true;
  $("wait").hidden = false;
  $("moment").textContent = words("en")?.wait ?? "…";
}

function listen() {
  const source = new EventSource("shown");
  let newest = 0;
  source.addEventListener("message", async ({ data }) => {
    const own = ++newest;
    const next = JSON.parse(data);
    const read = [...next.languages, next.view.language ?? "en", "en"];
    await Promise.all(read.map(load));
    // What came while words were loaded is newer.
    if (own !== newest) return;
    shown = next;
    render();
  });
  source.addEventListener("error", waits);
}

// Wherever the screen is touched, somebody wants to be looked at.
addEventListener("pointerdown", () => {
  if (shown?.looks === "touched") void post("touch");
});
addEventListener("keydown", ({ key }) => {
  if (typing) keypad.key(key);
});
addEventListener("contextmenu", (event) => event.preventDefault());
setInterval(render, 1000);
listen();
void follow();
