// How instants, durations and amounts read on the page. All are pure, so that they can be tested
// with any zone and language.

/** Wall-clock time at the site, `08:01`; with the day in front when it is not `today`'s. */
export function clockTime(instant: string, zone: string, now: string, language = "en-GB"): string {
  const at = new Date(instant);
  const day = (d: Date) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(d);
  const time = new Intl.DateTimeFormat(language, { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
  if (day(at) === day(new Date(now))) return time;
  const date = new Intl.DateTimeFormat(language, { timeZone: zone, weekday: "short", day: "numeric", month: "short" }).format(at);
  return `${date}, ${time}`;
}

/** `3 h 05 min`; under an hour only minutes. */
export function duration(minutes: number): string {
  const whole = Math.max(0, Math.floor(minutes));
  const h = Math.floor(whole / 60);
  const m = whole % 60;
  return h === 0 ? `${m} min` : `${h} h ${String(m).padStart(2, "0")} min`;
}

/** The decimal text as the currency is written; the digits are never turned into a float sum. */
export function amount(decimal: string, currency: string, language = "en-GB"): string {
  const format = new Intl.NumberFormat(language, { style: "currency", currency });
  return format.format(decimal as Intl.StringNumericLiteral);
}

/** `1 person`, `2 people`. */
export function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** Seconds as hours with two decimal places, `8.50`; for reading only. */
export function hoursOf(seconds: number): string {
  const minus = seconds < 0 ? "−" : "";
  return minus + (Math.abs(seconds) / 3600).toFixed(2);
}

/** The first and the last date of the week that a date is in; it begins on Monday. */
export function weekOf(date: string): [string, string] {
  const day = new Date(`${date}T12:00:00Z`);
  day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  const first = day.toISOString().slice(0, 10);
  day.setUTCDate(day.getUTCDate() + 6);
  return [first, day.toISOString().slice(0, 10)];
}

/** How many minutes after the midnight of a date the clock on the wall shows that instant. */
export function minuteOfDay(date: string, instant: string, zone: string): number {
  const at = new Date(instant);
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(at);
  const time = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
  const [hour = "0", minute = "0"] = time.split(":");
  const days = Math.round((Date.parse(`${day}T00:00:00Z`) - Date.parse(`${date}T00:00:00Z`)) / 86_400_000);
  return days * 1440 + Number(hour) * 60 + Number(minute);
}

/** `German` for `de`; the tag itself where nobody has a name for it. */
export function languageName(tag: string, language = "en-GB"): string {
  return new Intl.DisplayNames(language, { type: "language" }).of(tag) ?? tag;
}

/** A day and a time at the site, `12 Mar 2026, 08:01`. */
export function dayTime(instant: string, zone: string, language = "en-GB"): string {
  return new Intl.DateTimeFormat(language, { timeZone: zone, dateStyle: "medium", timeStyle: "short", hourCycle: "h23" }).format(new Date(instant));
}
