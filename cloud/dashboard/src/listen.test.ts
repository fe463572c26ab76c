import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { listen } from "./api";

/** What the browser gives, as far as the page uses it. */
class FakeSource extends EventTarget {
  static readonly CLOSED = 2;
  static last: FakeSource;
  readyState = 1;
  constructor(readonly url: string) {
    super();
    FakeSource.last = this;
  }
  close() {
    this.readyState = FakeSource.CLOSED;
  }
}

beforeEach(() => vi.stubGlobal("EventSource", FakeSource));
afterEach(() => vi.unstubAllGlobals());

function listening() {
  const heard = vi.fn();
  const line = vi.fn();
  const ended = vi.fn();
  const stop = listen(heard, line, ended);
  return { heard, line, ended, stop, source: FakeSource.last };
}

test("a snapshot is heard, and the line is up", () => {
  const { heard, line, source } = listening();
  source.dispatchEvent(new MessageEvent("snapshot", { data: '{"zone":"UTC"}' }));
  expect(heard).toHaveBeenCalledWith({ zone: "UTC" });
  expect(line).toHaveBeenLastCalledWith(true);
});

test("a cut line is told, and comes back by itself", () => {
  const { line, ended, source } = listening();
  source.readyState = 0;
  source.dispatchEvent(new Event("error"));
  expect(line).toHaveBeenLastCalledWith(false);
  expect(ended).not.toHaveBeenCalled();
  source.dispatchEvent(new Event("open"));
  expect(line).toHaveBeenLastCalledWith(true);
});

test("a refusal ends it: the browser does not try again", () => {
  const { ended, source } = listening();
  source.readyState = FakeSource.CLOSED;
  source.dispatchEvent(new Event("error"));
  expect(ended).toHaveBeenCalledOnce();
});

test("who stops listening closes the stream", () => {
  const { stop, source } = listening();
  stop();
  expect(source.readyState).toBe(FakeSource.CLOSED);
});
