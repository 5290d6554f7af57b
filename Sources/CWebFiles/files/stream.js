// Server-sent events by fetch: unlike EventSource it can name a tenant, says why it failed, and can be paused.

/** What happens to the window when an answer is 401: nobody has signed in, or what they have signed in with is over. */
export const signInNeeded = "sign-in-needed";

/**
 * Keeps a stream open until `signal` is aborted; comes back after it broke off, ever more slowly, and pauses while
 * nobody sees the page.
 *
 * @param on {event(name, data), state(text)}: the data is parsed.
 */
export async function follow(url, { headers = {}, signal, event, state = () => {} }) {
  let lastID;
  let wait = 500;
  while (!signal.aborted) {
    await visible(signal);
    if (signal.aborted) return;
    // The server has a place for few: a page that nobody sees gives its own back.
    const round = new AbortController();
    const stop = () => round.abort();
    const hide = () => document.hidden && stop();
    signal.addEventListener("abort", stop);
    document.addEventListener("visibilitychange", hide);
    try {
      const more = lastID ? { "Last-Event-ID": lastID } : {};
      const answer = await fetch(url, {
        headers: { Accept: "text/event-stream", ...headers, ...more }, signal: round.signal, cache: "no-store",
      });
      if (!answer.ok) {
        const problem = await answer.json().catch(() => ({}));
        const error = new Error(problem.detail ?? problem.title ?? `status ${answer.status}`);
        error.status = answer.status;
        if (error.status === 401) dispatchEvent(new Event(signInNeeded));
        throw error;
      }
      state("live");
      for await (const message of messages(answer.body)) {
        wait = 500;
        lastID = message.id ?? lastID;
        event(message.event, JSON.parse(message.data));
      }
      throw new Error("the server closed the stream");
    } catch (error) {
      if (signal.aborted) return;
      if (document.hidden) {
        state("paused");
        continue;
      }
      if ([400, 401, 403, 404].includes(error.status)) return state("failed", error);
      state("lost", error);
      await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
      wait = Math.min(wait * 2, 10_000);
    } finally {
      signal.removeEventListener("abort", stop);
      document.removeEventListener("visibilitychange", hide);
    }
  }
}

function visible(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
  });
}

/** The messages of a stream (WHATWG HTML §9.2.6), as far as our server uses the format. */
async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      let end;
      while ((end = rest.indexOf("\n\n")) >= 0) {
        const message = { event: "message", data: "" };
        for (const line of rest.slice(0, end).split("\n")) {
          const colon = line.indexOf(":");
          if (colon <= 0) continue;
          const name = line.slice(0, colon);
          const text = line.slice(colon + 1).replace(/^ /, "");
          if (name === "data") message.data += (message.data ? "\n" : "") + text;
          else if (name === "event" || name === "id") message[name] = text;
        }
        rest = rest.slice(end + 2);
        if (message.data) yield message;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** GET as JSON; an Error with the problem's words and `status` otherwise. */
export async function get(path, tenant, signal) {
  const answer = await fetch(path, { headers: tenantHeaders(tenant), signal, cache: "no-store" });
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const error = new Error(body.detail ?? body.title ?? `status ${answer.status}`);
  error.status = answer.status;
  if (error.status === 401) dispatchEvent(new Event(signInNeeded));
  throw error;
}

export const tenantHeaders = (tenant) => (tenant && tenant !== "default" ? { "X-Tenant-Id": tenant } : {});
