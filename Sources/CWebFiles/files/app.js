// Which page is shown: #/ the overview, #/orders a list, #/orders/ID one order.
import { overview } from "./overview.js";
import { order } from "./order.js";
import { orders } from "./orders.js";
import { h } from "./dom.js";
import { signIn, who } from "./signin.js";
import { signInNeeded } from "./stream.js";

const main = document.getElementById("main");
const live = document.getElementById("live");
const query = document.getElementById("query");
const tenant = document.getElementById("tenant");
let leaving = new AbortController();

/** What the top right corner says of the connection. */
function tell(state, words = state) {
  if (live.dataset.state === state && live.textContent === words) return;
  live.dataset.state = state;
  live.textContent = words;
}

function show() {
  leaving.abort();
  leaving = new AbortController();
  const hash = location.hash.replace(/^#\/?/, "");
  const [path, text] = hash.split("?");
  const search = new URLSearchParams(text);
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const page = { signal: leaving.signal, tell, tenant: search.get("tenant") ?? "", search };
  if (search.has("tenant")) tenant.value = search.get("tenant");
  main.replaceChildren();
  document.title = "orderflow";
  if (parts[0] === "orders" && parts[1]) order(main, parts[1], page);
  else if (parts[0] === "orders") orders(main, page);
  else if (!parts.length) overview(main, page);
  else main.append(h("p", { class: "card" }, "There is no such page. ", h("a", { href: "#/" }, "Overview")));
  for (const link of document.querySelectorAll("nav [data-page]")) {
    const isHere = link.dataset.page === (parts[0] ?? "overview");
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = query.value.trim();
  const more = tenant.value.trim() ? { tenant: tenant.value.trim() } : {};
  const params = new URLSearchParams(uuid.test(text) || !text ? more : { user: text, ...more });
  const suffix = params.size ? `?${params}` : "";
  location.hash = uuid.test(text) ? `#/orders/${text}${suffix}` : `#/orders${suffix}`;
});

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches?.("input, textarea, select");
  if (event.key === "Escape" && isTyping) return event.target.blur();
  if (isTyping) return;
  if (event.key === "/") {
    event.preventDefault();
    query.focus();
    query.select();
  } else if (event.key === "g") location.hash = "#/";
  else if (event.key === "o") location.hash = "#/orders";
});

addEventListener("hashchange", () => {
  if (location.hash === "#main") return;
  show();
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

addEventListener(signInNeeded, () => {
  if (main.querySelector("#sign-in")) return;
  leaving.abort();
  leaving = new AbortController();
  tell("idle", "");
  signIn(main, () => {
    who();
    show();
  });
});
who();
show();
