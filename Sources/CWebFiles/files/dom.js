// Elements and texts. What comes from outside only ever becomes text, never markup.

/** h("p", {class: "note", onclick: f}, "text", child, …); null and false children are left out. */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  set(element, attributes);
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The same for drawings. */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(element, attributes);
  element.append(...children.flat(9).filter(Boolean));
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    // The content security policy has no inline styles, but scripts may set them one by one.
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : value);
  }
}

/** Draws `data` into `place` by `render`, if it differs from what is there: focus and selection stay. */
export function draw(place, data, render) {
  const key = JSON.stringify(data) ?? "";
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  place.replaceChildren(...[render(data)].flat().filter(Boolean));
}

const rounded = (digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits });

export function number(value) {
  if (value === undefined || value === null) return "–";
  if (value >= 100 || Number.isInteger(value)) return rounded(0).format(value);
  return rounded(value >= 10 ? 1 : 2).format(value);
}

/** Seconds as people say them: 4.2 ms, 1.3 s, 2 min. */
export function span(seconds) {
  if (seconds === undefined || seconds === null) return "–";
  if (seconds < 0.001) return `${rounded(1).format(seconds * 1000)} ms`;
  if (seconds < 0.01) return `${rounded(1).format(seconds * 1000)} ms`;
  if (seconds < 1) return `${rounded(0).format(seconds * 1000)} ms`;
  if (seconds < 60) return `${rounded(1).format(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

/** A time that says how long ago it is, and goes on doing so. */
export function ago(time, words = (text) => `${text} ago`) {
  const element = h("time", { datetime: time, title: new Date(time).toLocaleString() });
  element.tell = () => {
    const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
    element.textContent = words(seconds < 60 ? `${Math.floor(seconds)} s` : span(seconds));
  };
  element.classList.add("ticking");
  element.tell();
  return element;
}

setInterval(() => {
  for (const element of document.querySelectorAll("time.ticking")) element.tell?.();
}, 1000);

export function money(amount, currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}

/** A state in words with a mark of its own, so that it isn't told by colour alone. */
export function badge(kind, text) {
  const marks = { good: "✓", warn: "!", bad: "✕", idle: "○", busy: "•" };
  return h("span", { class: `badge ${kind}` }, h("span", { "aria-hidden": "true" }, marks[kind]), text);
}

const orderKinds = { scheduled: "idle", pending: "busy", cancelling: "warn", confirmed: "good", cancelled: "idle" };
export const orderBadge = (status) => badge(orderKinds[status] ?? "idle", status);

export function orderLink(id, tenant) {
  const suffix = tenant && tenant !== "default" ? `?tenant=${encodeURIComponent(tenant)}` : "";
  return h("a", { class: "id", href: `#/orders/${encodeURIComponent(id)}${suffix}`, title: id }, short(id));
}

/** Ids of one hour begin alike: the end is what tells them apart. */
export const short = (id) => (id.length > 20 ? `${id.slice(0, 8)}…${id.slice(-6)}` : id);

/** A command to run, with a button that copies it. */
export function command(text) {
  const isCommand = text.startsWith("orderflow ");
  if (!isCommand) return h("span", { class: "remedy" }, text);
  const button = h("button", { type: "button", class: "copy", onclick: () => copy(text, button) }, "copy");
  button.setAttribute("aria-label", `Copy: ${text}`);
  return h("span", { class: "remedy" }, h("code", null, text), navigator.clipboard ? button : null);
}

async function copy(text, button) {
  await navigator.clipboard.writeText(text);
  button.textContent = "copied";
  setTimeout(() => (button.textContent = "copy"), 1500);
}
