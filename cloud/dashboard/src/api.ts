// What the page asks of the cloud. Every call goes to the page's own origin with the session
// cookie, which no script can read.

export interface Person {
  id: string;
  name: string;
  in: boolean;
  since: string | null;
  minutes_today: number;
  earnings_today: string;
}

export interface Punch {
  id: string;
  at: string;
  person: string;
  name: string;
  direction: "in" | "out" | "ignored";
  terminal: string;
  terminal_name: string;
  method: string;
}

export interface Rejected {
  at: string;
  terminal_name: string;
  why: string;
}

export interface Terminal {
  id: string;
  name: string;
  online: boolean;
  last_seen: string | null;
  waiting: number;
}

export interface Snapshot {
  as_of: string;
  zone: string;
  currency: string;
  people: Person[];
  punches: Punch[];
  rejected: Rejected[];
  terminals: Terminal[];
}

export interface ClaimCode {
  claim: string;
  words: string;
  qr: string;
  expires: string;
}

/** An answer that is not a success, in the words of the cloud. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail);
  }
}

/** The cloud's `detail` is a sentence, or a list of fields with what is wrong with each. */
export function detailOf(body: unknown, status: number): string {
  const detail = (body as { detail?: unknown } | null)?.detail;
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) {
    return detail
      .map((d: { loc?: string[]; msg?: string }) => `${d.loc?.at(-1) ?? "field"}: ${d.msg ?? "is wrong"}`)
      .join("; ");
  }
  return `The cloud answered with status ${status}.`;
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const form = body instanceof FormData;
  const answer = await fetch(path, {
    method,
    headers: body === undefined || form ? {} : { "content-type": "application/json" },
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
export const logIn = (email: string, password: string) => call<unknown>("POST", "/api/v1/session", { email, password });
export const logOut = () => call<unknown>("DELETE", "/api/v1/session");
export const setUp = (token: string, username: string, email: string, password: string) =>
  call<unknown>("POST", "/api/v1/setup", { token, username, email, password });
export const newClaim = (name: string) => call<ClaimCode>("POST", "/api/v1/claims", { name });
export const enrol = (form: FormData) => call<{ id: string }>("POST", "/api/v1/employees", form);

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
