// What the page says, in the languages that it has words in: one file each.

const held = new Map();

/** Loads a language, once. One that is not there is none. */
export async function load(language) {
  if (!held.has(language)) {
    const answer = await fetch(`words/${language}.json`);
    held.set(language, answer.ok ? await answer.json() : null);
  }
  return held.get(language);
}

/** The words of a language that was loaded; undefined for one that was not, or is none. */
export const words = (language) => held.get(language) ?? undefined;

/** `text` with `values` in the place of their names in braces. */
export const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** The time of day at the site. */
export function timeOf(instant, { locale }, zone) {
  return new Intl.DateTimeFormat(locale, { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(instant);
}

/** The day at the site. */
export function dateOf(instant, { locale }, zone) {
  return new Intl.DateTimeFormat(locale, { timeZone: zone, weekday: "short", day: "numeric", month: "long" }).format(instant);
}
