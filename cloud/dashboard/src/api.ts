// What the page asks of the cloud. Every call goes to the page's own origin with the session
// cookie, which no script can read.

import type { components } from "./openapi";

type Schemas = components["schemas"];
export type Snapshot = Schemas["Snapshot"];
export type ClaimCode = Schemas["ClaimCode"];
export type WaysIn = Schemas["WaysInOf"];
export type Doors = Schemas["Doors"];
export type Site = Schemas["SiteRow"];
export type PeopleImport = Schemas["PeopleImport"];
export type PinShown = Schemas["PinShown"];

/** An answer that is not a success, in the words of the cloud. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail);
  }
}

/** What is wrong, by RFC 9457: each field where there are some, else a sentence. */
export function detailOf(body: unknown, status: number): string {
  const { detail, errors } = (body ?? {}) as Partial<Schemas["Problem"]>;
  if (errors?.length) return errors.map((e) => `${e.loc.at(-1) ?? "field"}: ${e.msg}`).join("; ");
  return detail ?? `The cloud answered with status ${status}.`;
}

async function call<T>(method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<T> {
  const form = body instanceof FormData || body instanceof Blob;
  const answer = await fetch(path, {
    method,
    headers: body === undefined || form ? more : { "content-type": "application/json", ...more },
    body: body === undefined ? undefined : form ? body : JSON.stringify(body),
    credentials: "same-origin",
  });
  const text = await answer.text();
  let value: unknown = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    throw new Refused(answer.status, `The cloud answered with something that is not JSON (status ${answer.status}).`);
  }
  if (!answer.ok) throw new Refused(answer.status, detailOf(value, answer.status));
  return value as T;
}

export const live = () => call<Snapshot>("GET", "/api/v1/live");
export const logIn = (body: Schemas["Credentials"]) => call<Schemas["Who"]>("POST", "/api/v1/session", body);
export const logOut = () => call<null>("DELETE", "/api/v1/session");
export const setUp = (body: Schemas["SetUp"]) => call<Schemas["Made"]>("POST", "/api/v1/setup", body);
export type TerminalRow = Snapshot["terminals"][number];
export const terminals = () => call<TerminalRow[]>("GET", "/api/v1/terminals");
export const newClaim = (body: Schemas["Naming"]) => call<ClaimCode>("POST", "/api/v1/claims", body);
export const revoke = (terminal: string) => call<null>("DELETE", `/api/v1/terminals/${encodeURIComponent(terminal)}`);
export const enrol = (form: FormData) => call<Schemas["Enrolled"]>("POST", "/api/v1/employees", form);

export const sites = () => call<Site[]>("GET", "/api/v1/sites");
export const addSite = (body: Schemas["SiteOf"]) => call<Site>("POST", "/api/v1/sites", body);
export const changeSite = (id: string, body: Schemas["SiteOf"]) =>
  call<Site>("PUT", `/api/v1/sites/${encodeURIComponent(id)}`, body);
export const importPeople = (table: File, write: boolean) =>
  call<PeopleImport>("POST", `/api/v1/people/import?write=${write}`, new Blob([table], { type: "text/csv" }));

const person = (id: string, rest: string) => `/api/v1/people/${encodeURIComponent(id)}/${rest}`;
export type Consents = Schemas["ConsentsOf"];
export type Certificate = Schemas["Signed"];
export const consentTexts = () => call<Schemas["VersionRow"][]>("GET", "/api/v1/consent-texts");
export const consentText = (version: string) => call<Schemas["TextOf"]>("GET", `/api/v1/consent-texts/${encodeURIComponent(version)}`);
export const consentsOf = (id: string) => call<Consents>("GET", person(id, "consents"));
export const enrolFace = (id: string, form: FormData) => call<null>("POST", person(id, "face"), form);
export const withdrawFace = (id: string) => call<Schemas["Erased"]>("DELETE", person(id, "face"));
export const erasuresOf = (id: string) => call<Certificate[]>("GET", person(id, "erasures"));

export const enrolmentLink = (id: string, send: boolean) => call<Schemas["LinkMade"]>("POST", person(id, "enrolment-link"), { send });
export const leave = (id: string) => call<null>("POST", person(id, "leave"), { leaves: true });
export const exportOf = (id: string) => person(id, "export");

export type Enrolment = Schemas["Opened"];
const byLink = (token: string) => ({ "x-limen-link": token });
export const openEnrolment = (token: string) => call<Enrolment>("GET", "/api/v1/enrolment", undefined, byLink(token));
export const judgePhoto = (token: string, photo: Blob) => {
  const form = new FormData();
  form.append("image", photo, "photo.jpg");
  return call<Schemas["Judgement"]>("POST", "/api/v1/enrolment/photo", form, byLink(token));
};
export const enrolMyself = (token: string, form: FormData) => call<null>("POST", "/api/v1/enrolment", form, byLink(token));
export const decline = (token: string) => call<null>("DELETE", "/api/v1/enrolment", undefined, byLink(token));

export type Keeping = Schemas["Keeping"];
export const keeping = () => call<Keeping>("GET", "/api/v1/retention");
export const setKeeping = (rules: Keeping["rules"], dry_run: boolean) => call<Keeping>("PUT", "/api/v1/retention", { rules, dry_run });
export const former = () => call<Schemas["FormerRow"][]>("GET", "/api/v1/former-people");

export type Member = Schemas["MemberRow"];
const member = (id: string) => `/api/v1/staff/${encodeURIComponent(id)}`;
export const staff = () => call<Member[]>("GET", "/api/v1/staff");
export const inviteStaff = (body: Schemas["InvitingStaff"]) => call<Schemas["InvitedStaff"]>("POST", "/api/v1/staff", body);
export const setRole = (id: string, role: string) => call<null>("PUT", member(id), { role });
export const dismiss = (id: string) => call<null>("DELETE", member(id));
export const join = (body: Schemas["Joining"]) => call<Schemas["Joined"]>("POST", "/api/v1/staff/join", body);
export const forgotten = (email: string) => call<null>("POST", "/api/v1/password/forgotten", { email });
export const reset = (body: Schemas["Resetting"]) => call<null>("POST", "/api/v1/password/reset", body);
export const verifyEmail = (body: Schemas["ByLink"]) => call<null>("POST", "/api/v1/email/verified", body);
export const whoAmI = () => call<Schemas["Who"]>("GET", "/api/v1/session");

export type Run = Schemas["RunRow"];
export type Opened = Schemas["RunOpened"];
export type PeriodRow = Schemas["PeriodRow"];
export type LinesOf = Schemas["LinesOf"];
export type DaysOf = Schemas["DaysOf"];
export const runFile = (id: string, rest: string) => `/api/v1/pay-runs/${encodeURIComponent(id)}/${rest}`;
export const payPeriods = () => call<Schemas["PeriodsRow"]>("GET", "/api/v1/pay-periods");
export const payRuns = () => call<Run[]>("GET", "/api/v1/pay-runs");
export const beginRun = (period: PeriodRow) => call<Schemas["Begun"]>("POST", "/api/v1/pay-runs", period);
export const openRun = (id: string) => call<Opened>("GET", `/api/v1/pay-runs/${encodeURIComponent(id)}`);
export const reviewRun = (id: string) => call<null>("POST", runFile(id, "review"));
export const lockRun = (id: string, accept: string[]) => call<null>("POST", runFile(id, "lock"), { accept });
export const paidRun = (id: string) => call<null>("POST", runFile(id, "paid"));
export const linesOf = (id: string, person: string) =>
  call<LinesOf>("GET", runFile(id, `lines?person=${encodeURIComponent(person)}`));
export const daysOf = (person: string, first: string, last: string) =>
  call<DaysOf>("GET", `/api/v1/people/${encodeURIComponent(person)}/days?first=${first}&last=${last}`);

const ways = (person: string, rest: string) => `/api/v1/people/${encodeURIComponent(person)}/${rest}`;
export const waysOf = (person: string) => call<WaysIn>("GET", ways(person, "ways"));
export const newPin = (person: string) => call<PinShown>("POST", ways(person, "pin"));
export const removePin = (person: string) => call<null>("DELETE", ways(person, "pin"));
export const issueBadge = (person: string, body: Schemas["Issuing"]) =>
  call<Schemas["BadgeRow"]>("POST", ways(person, "badges"), body);
export const badgePicture = (person: string, badge: string) => ways(person, `badges/${encodeURIComponent(badge)}`);
export const revokeBadge = (person: string, badge: string) => call<null>("DELETE", badgePicture(person, badge));

/**
 * Hears every new snapshot until the returned function is called. `line` tells when the line is cut and when
 * it is back. `ended` tells that it does not come back by itself: the cloud has answered with a refusal.
 */
export function listen(heard: (s: Snapshot) => void, line: (up: boolean) => void, ended: () => void): () => void {
  const source = new EventSource("/api/v1/live/events");
  source.addEventListener("open", () => line(true));
  source.addEventListener("error", () => {
    line(false);
    if (source.readyState === EventSource.CLOSED) ended();
  });
  source.addEventListener("snapshot", (e) => {
    line(true);
    heard(JSON.parse((e as MessageEvent<string>).data) as Snapshot);
  });
  return () => source.close();
}
