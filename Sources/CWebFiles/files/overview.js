// Is it healthy, which order is stuck and why, which service is slow.
import { ago, badge, command, draw, h, number, orderLink, span } from "./dom.js";
import { chart } from "./charts.js";
import { follow } from "./stream.js";

export function overview(main, page) {
  const places = {};
  const place = (name, tag = "section", attributes = {}) => (places[name] = h(tag, { class: name, ...attributes }));
  const card = (name, title, note) =>
    h("section", { class: "card", "aria-labelledby": `${name}-title` },
      h("h2", { id: `${name}-title` }, title, note ? h("small", null, note) : null), place(name, "div"));
  main.append(
    place("verdict", "section", { "aria-live": "polite" }),
    place("figures", "section", { "aria-label": "Figures" }),
    h("div", { class: "columns" },
      card("services", "Services", "which one is slow, or not ready"),
      h("div", { class: "stack" },
        card("steps", "An order's way", "last minute"),
        card("funnel", "Outcomes", "last 10 minutes"))),
    h("div", { class: "columns even" },
      card("stuck", "Orders that wait", "the longest first"),
      card("letters", "Dead letters", "messages that can't be handled")),
    card("webhooks", "Webhooks", "who is told, and what they have not been told yet"));
  // A shop that tells nobody needs no list of them.
  places.webhooks.parentElement.hidden = true;
  draw(places.verdict, "waiting", () => h("h1", null, "Asking every service…"));
  let points = [];
  let seconds = 600;
  follow("/dashboard/stream", {
    signal: page.signal,
    state(state, error) {
      if (state === "live") page.tell("live", "live");
      else if (state === "paused") page.tell("paused", "paused");
      else {
        page.tell("lost", "disconnected");
        draw(places.verdict, `lost ${error.message}`, () => [
          h("h1", null, badge("bad", "The API doesn't answer")),
          h("p", null, `What you see is old. ${error.message}. Trying again…`)]);
      }
    },
    event(name, data) {
      if (name === "history") {
        seconds = data.seconds;
        points = data.points.map((point) => ({ ...point, at: Date.parse(point.at) }));
        return;
      }
      const at = Date.parse(data.at);
      points = points.filter((point) => point.at > at - seconds * 1000 && point.at < at);
      points.push({ ...data, at, p50: data.acceptance.p50, p99: data.acceptance.p99 });
      show(places, data, points, seconds);
    },
  });
}

function show(places, state, points, seconds) {
  document.title = { well: "✓", warning: "!", critical: "✕" }[state.verdict] + " orderflow";
  draw(places.verdict, state.concerns, verdict);
  places.figures.replaceChildren(...figures(state, points, seconds));
  draw(places.services, state.roles, services);
  draw(places.steps, [state.steps, state.fulfilment], ([list, whole]) => steps(list, whole));
  draw(places.funnel, [points.map((point) => point.at), state.sagas], () => funnel(points, state));
  // Those that are quickly done need nobody's eyes.
  const long = state.waiting.filter(({ waits }) => waits.some(({ since }) => Date.parse(state.at) - Date.parse(since) > 5000));
  draw(places.stuck, [state.stuck, long, state.held], ([stuck, waiting, held]) => orders(stuck, waiting, held));
  draw(places.letters, state.letters, letters);
  places.webhooks.parentElement.hidden = !state.webhooks?.endpoints?.length;
  draw(places.webhooks, state.webhooks, (told) => told && webhooks(told));
}

function verdict(concerns) {
  const worst = concerns[0]?.level;
  const bad = concerns.filter(({ level }) => level === "critical").length;
  const words = !worst ? "All is well" : bad ? (bad === 1 ? "1 thing needs you" : `${bad} things need you`)
    : "Orders go on, but look at this";
  const list = concerns.map(({ level, role, title, detail, remedy }) =>
    h("li", { class: level },
      h("strong", null, badge(level === "critical" ? "bad" : "warn", title)),
      h("span", { class: "detail" }, detail),
      remedy ? command(remedy) : null));
  return [
    h("h1", { class: worst ?? "well" }, badge(!worst ? "good" : bad ? "bad" : "warn", words)),
    worst ? h("ul", null, list) : h("p", null, "Every service answers and is ready; no order is stuck; nothing is left unhandled."),
  ];
}

function figures(state, points, seconds) {
  const tile = (title, value, unit, extra) =>
    h("div", { class: "card tile" }, h("h2", null, title),
      h("p", { class: "value" }, value, unit ? h("small", null, ` ${unit}`) : null), extra);
  const { running, compensating, stuck } = state.sagas;
  const open = state.roles.flatMap(({ groups }) => groups);
  const [dead, parked] = [open.reduce((sum, group) => sum + group.dead, 0), open.reduce((sum, group) => sum + group.parked, 0)];
  return [
    tile("Orders", number(state.ordersPerSecond), "a second", chart({
      points, seconds, format: number, label: `Orders a second, now ${number(state.ordersPerSecond)}`,
      series: [{ name: "ordersPerSecond", label: "orders", kind: "accent" }],
    })),
    tile("Answer to an order", [span(state.acceptance.p50), h("small", null, " median, "), span(state.acceptance.p99), h("small", null, " p99")], null, chart({
      points, seconds, format: span, label: `Answer time: median ${span(state.acceptance.p50)}, 99th percentile ${span(state.acceptance.p99)}`,
      series: [{ name: "p99", label: "p99", kind: "second" }, { name: "p50", label: "median", kind: "accent" }],
    })),
    tile("Under way", number(running + compensating), running + compensating === 1 ? "order" : "orders",
      h("dl", { class: "parts" },
        h("dt", null, "going ahead"), h("dd", null, number(running)),
        h("dt", null, "being undone"), h("dd", { class: compensating ? "warn" : null }, number(compensating)),
        h("dt", null, "stuck"), h("dd", { class: stuck ? "bad" : null }, number(stuck)),
        h("dt", null, "dead letters"), h("dd", { class: dead ? "bad" : null }, number(dead)),
        h("dt", null, "parked behind"), h("dd", { class: parked ? "warn" : null }, number(parked)))),
  ];
}

const standings = {
  ready: ["good", "ready"], degraded: ["warn", "impaired"], "not-ready": ["bad", "not ready"],
  silent: ["bad", "no answer"], unknown: ["idle", "asking"],
};

function services(roles) {
  const rows = roles.flatMap((role) => {
    const groups = role.groups.length > 1 ? [null, ...role.groups] : [role.groups[0] ?? null];
    const backlog = role.relays.reduce((sum, relay) => sum + relay.backlog, 0);
    const age = Math.max(0, ...role.relays.map((relay) => relay.lagSeconds ?? 0));
    const [kind, words] = standings[role.state] ?? ["idle", role.state];
    const cell = (label, value, title, isBad) => h("td", { class: `n ${isBad ? "warn" : ""}`, "data-label": label, title }, value);
    return groups.map((group, index) => h("tr", { class: index ? "more" : null },
      h("th", { scope: "row" }, index ? group.group.replace(/-group$/, "") : role.role,
        !index && role.processes > 1 ? h("small", null, ` ×${role.processes}`) : null),
      h("td", { "data-label": "State" }, index ? null : badge(kind, words)),
      cell("Waiting", group && number(group.lag), "Records that the group has not consumed", group?.lag >= 200),
      cell("Done a second", group && number(group.perSecond)),
      cell("Batch p99", group && span(group.batch.p99), "One batch, 99th percentile of the last minute", group?.batch.p99 > 1),
      cell("Unpublished", index || !role.relays.length ? null : backlog ? `${number(backlog)}${age >= 1 ? ` (${span(age)})` : ""}` : "0",
        "Events that wait for Kafka", age > 5),
      cell("For later", index || !role.relays.length ? null : `${number(role.scheduled ?? 0)}${role.scheduleLateSeconds >= 1 ? ` (${span(role.scheduleLateSeconds)} late)` : ""}`,
        "Messages that wait for their time", role.scheduleLateSeconds > 5)));
  });
  const titles = [["Service"], ["State"], ["Waiting", "n"], ["Done/s", "n"], ["Batch p99", "n"], ["Unpublished", "n"], ["For later", "n"]];
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Services" }, h("table", { class: "roles" },
    h("thead", null, h("tr", null, titles.map(([title, kind]) => h("th", { scope: "col", class: kind }, title)))),
    h("tbody", null, rows)));
}

function steps(list, whole) {
  const longest = Math.max(0.05, ...list.map(({ time }) => time.p99 ?? 0));
  return h("ul", { class: "bars" },
    list.map(({ title, role, time, waiting }) => h("li", { class: time.p50 > 2 ? "slow" : null },
      h("span", { class: "name" }, title, h("small", null, ` ${role}`)),
      h("span", { class: "bar", "aria-hidden": "true" },
        h("i", { class: "wide", style: { width: `${((time.p99 ?? 0) / longest) * 100}%` } }),
        h("i", { style: { width: `${((time.p50 ?? 0) / longest) * 100}%` } })),
      h("span", { class: "n" }, time.count ? `${span(time.p50)} / ${span(time.p99)}` : "–",
        waiting ? h("small", { class: time.p50 > 2 || waiting > 20 ? "warn" : null }, ` ${waiting}${waiting >= 200 ? "+" : ""} waiting`) : null))),
    h("li", { class: "sum" }, h("span", { class: "name" }, "Whole way, to confirmed"), h("span"),
      h("span", { class: "n" }, whole.count ? `${span(whole.p50)} / ${span(whole.p99)}` : "–")),
    h("li", { class: "legend muted" }, "median / 99th percentile"));
}

/** Rates times the time between them: what came and what became of it. */
function funnel(points, state) {
  const sum = (name) => points.slice(1).reduce((total, point, index) =>
    total + (point[name] ?? 0) * Math.min(20, (point.at - points[index].at) / 1000), 0);
  const [created, confirmed, cancelled] = ["startedPerSecond", "confirmedPerSecond", "cancelledPerSecond"].map(sum).map(Math.round);
  const open = state.sagas.running + state.sagas.compensating;
  const most = Math.max(created, confirmed + cancelled, 1);
  const row = (name, value, kind) => h("li", null, h("span", { class: "name" }, name),
    h("span", { class: "bar", "aria-hidden": "true" }, h("i", { class: kind, style: { width: `${(Math.min(value, most) / most) * 100}%` } })),
    h("span", { class: "n" }, number(value),
      h("small", null, created && ["good", "idle"].includes(kind) ? ` ${Math.round((value / most) * 100)} %` : "")));
  return h("ul", { class: "bars" }, row("Created", created, "accent"), row("Confirmed", confirmed, "good"),
    row("Cancelled", cancelled, "idle"), row("Under way", open, "second"));
}

function orders(stuck, waiting, held) {
  if (!stuck.length && !waiting.length && !held.length) return h("p", { class: "empty" }, "No order has waited for anything for more than five seconds.");
  const item = (order, isStuck) => h("li", { class: isStuck ? "critical" : null },
    h("div", null, orderLink(order.orderId, order.tenant),
      isStuck ? badge("bad", "stuck") : badge(order.status === "compensating" ? "warn" : "busy", order.status === "compensating" ? "being undone" : "under way"),
      order.tenant !== "default" ? h("span", { class: "muted" }, order.tenant) : null),
    h("p", null, isStuck ? order.attention : ["waits for ", order.waits.map((wait, index) => [index ? ", " : "", h("strong", null, waitName(wait.for)), " ", ago(wait.since, (text) => `for ${text}`)])],
      order.reason ? h("span", { class: "muted" }, ` because ${order.reason}`) : null),
    isStuck ? command(`orderflow sagas retry ${order.orderId} --note 'why'`) : null);
  // What a dead letter holds up doesn't go on by itself either.
  const heldItem = (order) => h("li", { class: "critical" },
    h("div", null, orderLink(order.orderId, order.tenant), badge("bad", "held up"),
      order.tenant !== "default" ? h("span", { class: "muted" }, order.tenant) : null),
    h("p", null, `by dead letter ${order.letter}: `, order.groups.map((group) => group.replace(/-group$/, "")).join(", "), " can't go on with it"),
    command(`orderflow deadletters show ${order.letter}`));
  const known = [...stuck, ...held];
  const shown = waiting.filter(({ orderId }) => !known.some((order) => order.orderId === orderId)).slice(0, 6);
  return h("ul", { class: "list" }, stuck.map((order) => item(order, true)), held.map(heldItem), shown.map((order) => item(order, false)));
}

const waitName = (name) => (name === "abort" ? "cancellation" : name.replace(/^undo /, "undoing "));

/** One message that several groups can't handle is told once. */
function letters(list) {
  if (!list.length) return h("p", { class: "empty" }, "Every message was handled.");
  const records = Map.groupBy(list, ({ topic, partition, offset }) => `${topic}/${partition}/${offset}`);
  return h("ul", { class: "list" }, [...records].map(([record, same]) => {
    const [first] = same;
    const behind = same.reduce((sum, letter) => sum + letter.behind, 0);
    const key = first.topic.endsWith("user-events") ? first.key : orderLink(first.key, null);
    return h("li", { class: "critical" },
      h("div", null, badge("bad", same.some(({ status }) => status === "retry") ? "being retried" : "dead"),
        h("strong", null, first.error)),
      h("p", null, "order ", key, h("span", { class: "muted" }, ` record ${record}, `, ago(first.since))),
      h("p", { class: "muted" }, `not handled by ${same.map(({ group }) => group.replace(/-group$/, "")).join(", ")}`,
        behind ? `; ${behind} later ones of the same key wait behind it` : null),
      command(`orderflow deadletters show ${first.letter}`));
  }));
}

/** Those in trouble first. */
function webhooks({ active, paused, suspended, endpoints }) {
  const kind = ({ state, failures }) => ({ suspended: "bad", paused: "idle" })[state] ?? (failures ? "warn" : "good");
  const words = ({ state, failures }) => (state === "active" ? (failures ? "failing" : "active") : state);
  const item = (endpoint) => h("li", { class: endpoint.state === "suspended" ? "critical" : null },
    h("div", null, h("strong", null, endpoint.url), badge(kind(endpoint), words(endpoint)),
      endpoint.tenant !== "default" ? h("span", { class: "muted" }, endpoint.tenant) : null),
    h("p", null, endpoint.due ? `${number(endpoint.due)}${endpoint.due >= 1000 ? " or more" : ""} to be sent` : "nothing to be sent",
      endpoint.oldest ? [", the oldest waits ", ago(endpoint.oldest, (text) => `for ${text}`)] : null,
      endpoint.last ? h("span", { class: "muted" }, ` last answer ${endpoint.lastStatus ?? "none"}, `, ago(endpoint.last)) : null),
    endpoint.reason || endpoint.lastError ? h("p", { class: "muted" }, endpoint.reason ?? endpoint.lastError) : null,
    endpoint.state === "suspended" ? command(`orderflow webhooks resume ${endpoint.id}${endpoint.tenant !== "default" ? ` --tenant ${endpoint.tenant}` : ""}`) : null);
  const rest = active + paused + suspended - endpoints.length;
  return [h("ul", { class: "list" }, endpoints.map(item)),
    rest > 0 ? h("p", { class: "muted" }, `and ${number(rest)} more`) : null];
}
