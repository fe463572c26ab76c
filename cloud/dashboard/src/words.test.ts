import { describe, expect, test } from "vitest";
import { detailOf } from "./api";
import { amount, clockTime, count, dayTime, duration, hoursOf, minuteOfDay, weekOf } from "./words";

describe("time at the site", () => {
  test("is the site's wall clock, not the browser's", () => {
    expect(clockTime("2026-11-22T07:01:00Z", "Europe/Berlin", "2026-11-22T12:00:00Z")).toBe("08:01");
    expect(clockTime("2026-11-22T07:01:00Z", "Asia/Kolkata", "2026-11-22T12:00:00Z")).toBe("12:31");
  });
  test("names the day when it is another one there", () => {
    expect(clockTime("2026-11-21T23:30:00Z", "America/New_York", "2026-11-22T12:00:00Z")).toBe("Sat 21 Nov, 18:30");
    expect(clockTime("2026-11-21T23:30:00Z", "Europe/Berlin", "2026-11-22T12:00:00Z")).toBe("00:30");
  });
});

test.each([
  [0, "0 min"],
  [59, "59 min"],
  [60, "1 h 00 min"],
  [485, "8 h 05 min"],
  [-3, "0 min"],
])("%i minutes read %s", (minutes, words) => expect(duration(minutes)).toBe(words));

test("what is kept about a person is dated at the site, not where the reader is", () => {
  expect(dayTime("2026-12-01T23:16:00Z", "Europe/Berlin")).toBe("2 Dec 2026, 00:16");
  expect(dayTime("2026-12-01T23:16:00Z", "Asia/Kolkata")).toBe("2 Dec 2026, 04:46");
});

test("an amount keeps its cents", () => {
  expect(amount("1234.50", "USD", "en-US")).toBe("$1,234.50");
  expect(amount("0.10", "EUR", "de-DE").replace(/\u00a0/g, " ")).toBe("0,10 €");
});

test("one person, two people", () => {
  expect(count(1, "person", "people")).toBe("1 person");
  expect(count(0, "person", "people")).toBe("0 people");
});

test("a refusal is told in the cloud's words", () => {
  expect(detailOf({ detail: "Invalid email or password" }, 401)).toBe("Invalid email or password");
  expect(detailOf({ detail: "email: Field required", errors: [{ loc: ["body", "email"], msg: "Field required" }] }, 422)).toBe("email: Field required");
  expect(detailOf(null, 502)).toBe("The cloud answered with status 502.");
});

describe("a day as a bar", () => {
  test("is the wall's, over midnight too", () => {
    expect(minuteOfDay("2026-06-01", "2026-06-01T06:00:00Z", "Europe/Berlin")).toBe(480);
    expect(minuteOfDay("2026-06-01", "2026-06-01T22:30:00Z", "Europe/Berlin")).toBe(1470);
    expect(minuteOfDay("2026-06-01", "2026-06-01T03:00:00Z", "America/New_York")).toBe(-60);
  });
  test("stands in its week", () => {
    expect(weekOf("2026-06-07")).toEqual(["2026-06-01", "2026-06-07"]);
    expect(weekOf("2026-12-31")).toEqual(["2026-12-28", "2027-01-03"]);
  });
  test("has hours with two places", () => expect([0, 13_800, -1_800].map(hoursOf)).toEqual(["0.00", "3.83", "−0.50"]));
});
