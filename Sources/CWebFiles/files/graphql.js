// A query box for GET /graphql: what is typed is sent to the same process, what comes back only ever becomes text.

const at = (id) => document.getElementById(id);
const [query, variables, answer, state, stop] = ["query", "variables", "answer", "status", "stop"].map(at);
const stored = (key) => { try { return sessionStorage.getItem(key); } catch { return null; } };
const store = (key, value) => { try { sessionStorage.setItem(key, value); } catch { /* a private window */ } };

query.value = stored("query") ?? `query Orders($first: Int! = 5) {
  orders(first: $first) {
    edges {
      node { id userId total currency status items { sku qty } }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;
variables.value = stored("variables") ?? "{}";

let running = null;

function say(text, isBad = false) {
  state.textContent = text;
  state.className = isBad ? "bad" : "";
}

async function run() {
  running?.abort();
  const body = { query: query.value };
  try {
    if (variables.value.trim()) body.variables = JSON.parse(variables.value);
  } catch (error) {
    return say(`Variables: ${error.message}`, true);
  }
  store("query", query.value);
  store("variables", variables.value);
  const mine = running = new AbortController();
  stop.disabled = false;
  answer.textContent = "";
  say("asking");
  const began = performance.now();
  const listens = /^\s*subscription\b/m.test(query.value);
  try {
    const headers = {
      "Content-Type": "application/json",
      Accept: listens ? "text/event-stream" : "application/graphql-response+json",
    };
    if (at("tenant").value) headers["X-Tenant-Id"] = at("tenant").value;
    const response = await fetch("/graphql", { method: "POST", headers, body: JSON.stringify(body), signal: mine.signal });
    if (response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      await events(response);
      say("complete");
    } else {
      const text = await response.text();
      let shown = text;
      try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* as it came */ }
      answer.textContent = shown;
      say(`${response.status}, ${Math.round(performance.now() - began)} ms, ${text.length} characters`, !response.ok);
    }
  } catch (error) {
    say(error.name === "AbortError" ? "stopped" : error.message, error.name !== "AbortError");
  }
  if (running === mine) stop.disabled = true;
}

/** Shows each event as it comes, the latest on top, at most a hundred of them. */
async function events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  let count = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    for (let end = buffer.indexOf("\n\n"); end >= 0; end = buffer.indexOf("\n\n")) {
      const lines = buffer.slice(0, end).split("\n");
      buffer = buffer.slice(end + 2);
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (!lines.includes("event: next")) continue;
      count += 1;
      say(`${count} events`);
      const block = document.createElement("div");
      block.textContent = JSON.stringify(JSON.parse(data), null, 2) + "\n";
      answer.prepend(block);
      while (answer.childElementCount > 100) answer.lastElementChild.remove();
    }
  }
}

at("operation").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
stop.addEventListener("click", () => running?.abort());
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
});

const response = await fetch("/graphql/schema.graphql");
const schema = response.ok ? await response.text() : "The schema isn't shown: graphql.introspection is off.";

/** The whole schema, or the definitions in which the word stands. */
function show(word) {
  const blocks = schema.split("\n\n");
  const found = word ? blocks.filter((block) => block.toLowerCase().includes(word.toLowerCase())) : blocks;
  at("schema").textContent = found.join("\n\n") || "nothing found";
}
at("find").addEventListener("input", (event) => show(event.target.value.trim()));
show("");
