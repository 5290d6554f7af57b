// One order: where it stands and why, what every service did for it and when.
import { ago, badge, command, draw, h, money, orderBadge, span } from "./dom.js";
import { follow, get, tenantHeaders } from "./stream.js";

export function order(main, id, page) {
  const places = {};
  const place = (name, tag = "div") => (places[name] = h(tag, { class: name }));
  document.title = `Order ${id.slice(-6)} · orderflow`;
  main.append(
    h("h1", { class: "order-title" }, "Order ", h("code", null, id)),
    place("standing", "section"),
    place("rest"));
  places.rest.hidden = true;
  places.rest.append(
    h("section", { class: "card" }, h("h2", null, "What happened when"), place("lanes")),
    h("div", { class: "columns loose" },
      h("section", { class: "card" }, h("h2", null, "Every event, command and compensation"), place("story")),
      h("section", { class: "card" }, h("h2", null, "The order"), place("facts"))));
  places.standing.append(h("p", { class: "empty" }, "Loading…"));
  let view;
  let saga;
  let history;
  let asking;
  let known = [];
  const show = () => view && render(places, id, view, saga, history, known, page);
  // The steps that the shop's orders take, and who takes them.
  get("/dashboard/state", page.tenant, page.signal).then(({ steps }) => {
    known = steps;
    show();
  }, () => {});
  // The order's stream says when to look; the saga and the history are other services' to tell.
  const look = async () => {
    asking?.abort();
    asking = new AbortController();
    const signal = AbortSignal.any([asking.signal, page.signal]);
    const path = `/orders/${encodeURIComponent(id)}`;
    const [first, second] = await Promise.allSettled([get(`${path}/saga`, page.tenant, signal), get(`${path}/events`, page.tenant, signal)]);
    if (signal.aborted) return;
    saga = first.status === "fulfilled" ? first.value : { missing: first.reason.message };
    history = second.status === "fulfilled" ? second.value : undefined;
    show();
    // What an order waits for isn't told by its stream: a command sent, a try that was refused.
    if (!ended(saga)) setTimeout(() => !signal.aborted && look(), 2000);
  };
  follow(`/orders/${encodeURIComponent(id)}/stream`, {
    headers: tenantHeaders(page.tenant), signal: page.signal,
    event(name, data) {
      view = data;
      show();
      look();
    },
    state(state, error) {
      page.tell(state === "live" ? "live" : state === "paused" ? "paused" : "lost", state === "failed" ? "" : state === "lost" ? "disconnected" : state);
      if (state === "failed" || (state === "lost" && !view)) {
        places.standing.replaceChildren(h("p", { class: "card" }, badge(error.status === 404 ? "idle" : "bad", error.message)));
      }
    },
  });
}

const ended = (saga) => saga && ["completed", "compensated"].includes(saga.status);

function render(places, id, view, saga, history, known, page) {
  places.rest.hidden = false;
  draw(places.standing, [view.status, view.cancellationReason, saga, known], () => standing(id, view, saga, known));
  places.lanes.replaceChildren(lanes(view, saga, known));
  draw(places.story, [view.timeline, saga?.log, history, known], () => story(view, saga, history, known));
  draw(places.facts, [view, history?.events?.[0]?.audit], () => facts(view, history, page));
}

// MARK: Where it stands

function standing(id, view, saga, known) {
  const whole = saga?.endedAt && saga.startedAt ? (Date.parse(saga.endedAt) - Date.parse(view.createdAt)) / 1000 : undefined;
  let kind = { confirmed: "well", cancelled: "idle" }[view.status] ?? "warning";
  const words = [];
  let remedy;
  if (saga?.attention) {
    kind = "critical";
    words.push(h("strong", null, "Stuck: "), saga.attention, ".");
    remedy = command(`orderflow sagas retry ${id} --note 'why'`);
  } else if (view.status === "confirmed") words.push("Everything succeeded", whole ? ` after ${span(whole)}` : "", ".");
  else if (view.status === "cancelled") words.push(h("strong", null, view.cancellationReason ?? saga?.reason ?? ""), whole ? ` Everything was undone after ${span(whole)}.` : "");
  else if (saga?.status === "compensating") words.push("Being undone because ", h("strong", null, saga.reason ?? "it was cancelled"), ".");
  else words.push("Under way.");
  if (saga?.missing) words.push(" ", h("span", { class: "muted" }, `Its saga: ${saga.missing}.`));
  const waits = saga?.steps && !ended(saga) ? waiting(saga, known) : [];
  return h("div", { class: `card standing-card ${kind}` },
    h("p", { class: "head" }, orderBadge(view.status), h("span", null, words)),
    waits.length ? h("p", null, "Waits for ", waits.map(({ name, role, since, due }, index) => [
      index ? ", " : "", h("strong", null, name), role ? ` (${role}) ` : " ", ago(since, (text) => `for ${text}`),
      due ? [", ", ago(due, () => until(due, saga.status))] : null])) : null,
    remedy);
}

function until(due, status) {
  const seconds = (Date.parse(due) - Date.now()) / 1000;
  const words = status === "compensating" ? "asked again" : "given up or asked again";
  return seconds > 0 ? `${words} in ${span(Math.ceil(seconds))}` : "due now";
}

const open = (call) => ["requested", "refused"].includes(call?.progress) || (call?.progress === "waiting" && call.dueAt);

function waiting(saga, known) {
  const found = [];
  const roleOf = (name) => known.find(({ step }) => step === name)?.role;
  for (const step of saga.steps) {
    const call = saga.status === "compensating" ? step.compensation : step;
    if (open(call)) found.push({ name: saga.status === "compensating" ? `undoing ${step.step}` : step.step, role: roleOf(step.step), since: call.requestedAt ?? saga.startedAt, due: call.dueAt });
  }
  if (open(saga.abort)) found.push({ name: "cancellation", role: roleOf("confirmation"), since: saga.abort.requestedAt, due: saga.abort.dueAt });
  return found;
}

// MARK: The drawing

const title = (name) => name[0].toUpperCase() + name.slice(1);

// One a step of the order's saga, or of the shop's orders, between the order's own and the mail's.
function laneNames(saga, known) {
  const steps = (saga?.steps ?? known).map(({ step }) => step).filter((step) => step !== "confirmation");
  return ["order", ...steps, "mail"].map((name) => [name, title(name)]);
}

// The saga's history says which step an event was an answer of; where there is none, the event's name often does.
function laneOf(type, saga, known) {
  const step = saga?.log?.find((entry) => entry.cause === type && ["succeeded", "succeeded-late", "failed", "undone", "undo-refused"].includes(entry.event))?.step;
  if (step && step !== "confirmation") return step;
  return known.find(({ step }) => type.startsWith(title(step)))?.step ?? (type === "NotificationSent" ? "mail" : "order");
}

const bad = new Set(["StockRejected", "PaymentFailed", "PaymentRefundFailed", "ShipmentFailed", "OrderCancellationRequested"]);
const undone = new Set(["StockReleased", "PaymentRefunded", "PaymentVoided", "ShipmentCancelled", "OrderCancelled"]);
const factKind = (type) => (bad.has(type) ? "bad" : undone.has(type) ? "undo" : "fact");

function lanes(view, saga, known) {
  const start = Date.parse(view.createdAt);
  const times = view.timeline.map(({ at }) => Date.parse(at));
  const calls = (saga?.steps ?? []).flatMap((step) => [step, step.compensation]).concat(saga?.abort).filter(Boolean);
  const isOpen = saga?.steps && !ended(saga);
  for (const call of calls) for (const at of [call.requestedAt, call.settledAt]) if (at) times.push(Date.parse(at));
  const end = Math.max(...times, isOpen ? Date.now() : 0, start + 10);
  const length = end - start;
  const place = (at) => `${Math.min(100, Math.max(0, ((Date.parse(at) - start) / length) * 100))}%`;
  const bar = (call, kind, words) => {
    if (!call?.requestedAt || call.progress === "waiting") return null;
    const from = Date.parse(call.requestedAt);
    const to = call.settledAt ? Date.parse(call.settledAt) : end;
    const title = `${words}: ${call.progress}${call.requests > 1 ? `, asked ${call.requests} times` : ""}, ${span((to - from) / 1000)}${call.detail ? `, ${call.detail}` : ""}`;
    return h("span", { class: `call ${kind} ${call.settledAt ? call.progress : "open"}`, title,
      style: { left: place(call.requestedAt), width: `${Math.max(0.4, ((to - from) / length) * 100)}%` } },
      h("span", { class: "hidden" }, title));
  };
  const rows = laneNames(saga, known).map(([lane, title]) => {
    const step = saga?.steps?.find((entry) => entry.step === (lane === "order" ? "confirmation" : lane));
    const dots = view.timeline.filter(({ type }) => laneOf(type, saga, known) === lane).map((entry) => {
      const words = `${entry.type}, ${offset(entry.at, start)}${entry.reason ? `: ${entry.reason}` : ""}`;
      return h("span", { class: `dot ${factKind(entry.type)}`, title: words, style: { left: place(entry.at) } }, h("span", { class: "hidden" }, words));
    });
    return h("div", { class: "lane" }, h("span", { class: "lane-name" }, title),
      h("div", { class: "track" }, bar(step, "do", `${title} asked for`), bar(step?.compensation, "undo", `Undoing ${title.toLowerCase()}`),
        lane === "order" ? bar(saga?.abort, "undo", "Cancellation") : null, dots));
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => h("span", { style: { left: `${share * 100}%` } }, share ? `+${span((length * share) / 1000)}` : new Date(start).toLocaleTimeString()));
  const key = [["dot fact", "event"], ["dot bad", "failure"], ["dot undo", "undone"], ["call do", "command, until answered"], ["call undo", "compensation"]];
  return h("div", { class: "drawing" }, rows, h("div", { class: "lane axis", "aria-hidden": "true" }, h("span"), h("div", { class: "track" }, ticks)),
    h("p", { class: "key" }, key.map(([kind, text]) => h("span", null, h("i", { class: kind }), text))));
}

const offset = (at, start) => `+${span(Math.max(0, Date.parse(at) - start) / 1000)}`;

// MARK: The story

const told = {
  requested: ["command", "asks for"], "requested-again": ["command", "asks again for"],
  "undo-requested": ["undo", "asks to undo"], "undo-requested-again": ["undo", "asks again to undo"],
  "abort-requested": ["undo", "asks to cancel the order"],
  "abort-requested-again": ["undo", "asks again to cancel the order"], "timed-out": ["bad", "gives up waiting for"],
  "succeeded-late": ["bad", "hears too late of"], compensating: ["undo", "turns back"], overdue: ["bad", "misses"],
  attention: ["bad", "needs a person:"], "attention-ended": ["command", "needs nobody any more"],
  retried: ["person", "is asked to try again"], resolved: ["person", "is told that it is taken care of:"],
  anomaly: ["bad", "wonders at"], completed: ["end", "ends: everything is done"], compensated: ["end", "ends: everything is undone"],
};
const marks = { fact: "●", bad: "✕", undo: "↩", command: "→", person: "☺", end: "■" };
const kindNames = { fact: "event", bad: "failure", undo: "compensation", command: "command", person: "operator", end: "end" };

function mailOf(entry, view) {
  const mail = entry.type === "NotificationSent" && view.notifications.find(({ sentAt }) => sentAt === entry.at);
  return mail ? `${mail.kind} to ${mail.recipient}` : undefined;
}

function story(view, saga, history, known) {
  const unasked = new Set(known.filter(({ asked }) => !asked).map(({ step }) => step));
  const start = Date.parse(view.createdAt);
  const audits = new Map((history?.events ?? []).map((event) => [event.audit.messageId, event.audit]));
  const entries = view.timeline.map((entry) => ({
    at: entry.at, kind: factKind(entry.type), title: entry.type, who: audits.get(entry.id)?.subject,
    detail: [mailOf(entry, view), entry.reason, entry.amount !== undefined && money(entry.amount, entry.currency), entry.reference, entry.trackingNumber ?? entry.shipmentId].filter(Boolean).join(" · "),
  }));
  for (const entry of saga?.log ?? []) {
    const [kind, words] = told[entry.event] ?? [];
    if (!kind) continue;
    const cause = entry.cause === "deadline" ? "time was up" : entry.cause === "operator" ? `by ${entry.by}` : `after ${entry.cause}`;
    // For a service that acts unasked the saga only waits. And an order as a whole is no step.
    const verb = entry.event === "requested" && unasked.has(entry.step) ? "waits for" : words;
    const step = entry.step === "abort" ? "" : entry.step ?? "";
    entries.push({ at: entry.at, kind, title: `Saga ${verb} ${step}`.trim(), detail: [entry.detail, cause].filter(Boolean).join(" · ") });
  }
  entries.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const item = (entry) => h("li", { class: entry.kind },
    h("span", { class: "mark", "aria-hidden": "true" }, marks[entry.kind]),
    h("time", { datetime: entry.at, title: new Date(entry.at).toLocaleString() }, offset(entry.at, start)),
    h("span", null, h("span", { class: "hidden" }, `${kindNames[entry.kind]}: `), h("strong", null, entry.title),
      entry.detail ? h("span", { class: "muted" }, ` ${entry.detail}`) : null,
      entry.who ? h("span", { class: "muted" }, ` asked by ${entry.who}`) : null));
  const list = h("ol", { class: "story" });
  for (const part of folded(entries)) {
    if (!part.hidden) list.append(item(part));
    else {
      const fold = h("li", { class: "fold" }, h("button", { type: "button", class: "copy", onclick: () => fold.replaceWith(...part.hidden.map(item)) },
        `${part.hidden.length} more of the same, until ${offset(part.hidden.at(-1).at, start)}`));
      list.append(fold);
    }
  }
  return list;
}

/** What is tried for the tenth time is told twice at its begin and twice at its end. */
function folded(entries) {
  const seen = new Map();
  for (const entry of entries) seen.set(entry.title, (seen.get(entry.title) ?? 0) + 1);
  const met = new Map();
  const parts = [];
  for (const entry of entries) {
    const place = (met.get(entry.title) ?? 0) + 1;
    met.set(entry.title, place);
    const isRepeat = seen.get(entry.title) > 5 && place > 2 && place <= seen.get(entry.title) - 2;
    if (!isRepeat) parts.push(entry);
    else if (parts.at(-1)?.hidden) parts.at(-1).hidden.push(entry);
    else parts.push({ hidden: [entry] });
  }
  return parts;
}

function facts(view, history, page) {
  const audit = history?.events?.[0]?.audit;
  const user = new URLSearchParams({ user: view.userId, ...(page.tenant && { tenant: page.tenant }) });
  const rows = [
    ["User", h("a", { href: `#/orders?${user}` }, view.userId)],
    ["Created", ago(view.createdAt)],
    ["Total", money(view.total, view.currency)],
    ["Items", h("ul", { class: "plain" }, view.items.map(({ sku, qty }) => h("li", null, `${qty} × ${sku}`)))],
    ["Ships to", view.shippingAddress],
    ["Mail", view.email],
    ["Payment", view.payment && [view.payment.status, view.payment.reference && h("small", null, ` ${view.payment.reference}`)]],
    ["Shipment", view.shipment && [view.shipment.status, view.shipment.trackingNumber && h("small", null, ` ${view.shipment.trackingNumber}`)]],
    ["Stock", view.stock?.status],
    ["Mails", view.notifications.map(({ kind, recipient }) => `${kind} to ${recipient}`).join(", ") || undefined],
    ["Tenant", audit?.tenant],
    ["Asked by", audit?.subject],
    ["Correlation", audit && h("code", null, audit.correlationId)],
    ["Trace", audit?.traceparent && h("code", null, audit.traceparent)],
    ["Version", `${view.version}, ${view.revision} facts`],
  ];
  return h("dl", { class: "facts" }, rows.filter(([, value]) => value).map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}
