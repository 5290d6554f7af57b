// A list of orders, the newest first, narrowed by user and state.
import { ago, h, money, orderBadge, orderLink } from "./dom.js";
import { get } from "./stream.js";

const states = ["scheduled", "pending", "cancelling", "confirmed", "cancelled"];

export async function orders(main, page) {
  const user = page.search.get("user");
  const status = page.search.get("status");
  page.tell("idle", "");
  document.title = user ? `${user} · orderflow` : "Orders · orderflow";
  const body = h("tbody");
  const note = h("p", { class: "empty", role: "status" }, "Loading…");
  const more = h("button", { type: "button", class: "load-more", hidden: true }, "More");
  main.append(
    h("h1", null, user ? `Orders of ${user}` : "Orders", page.tenant ? h("small", null, ` of ${page.tenant}`) : null),
    h("nav", { class: "filters", "aria-label": "State" }, [null, ...states].map((state) =>
      h("a", { href: link({ user, status: state, tenant: page.tenant }), "aria-current": status === state ? "true" : null }, state ?? "all"))),
    h("section", { class: "card" },
      h("div", { class: "scroll" }, h("table", { class: "orders" },
        h("thead", null, h("tr", null, ["Order", "State", "User", "Total", "Created"].map((title) =>
          h("th", { scope: "col", class: title === "Total" ? "n" : null }, title)))), body)),
      note, more));
  let cursor;
  const load = async () => {
    more.disabled = true;
    try {
      const query = new URLSearchParams({ limit: 50, ...(user && { userId: user }), ...(status && { status }), ...(cursor && { cursor }) });
      const list = await get(`/orders?${query}`, page.tenant, page.signal);
      body.append(...list.orders.map((order) => row(order, page.tenant)));
      cursor = list.nextCursor;
      more.hidden = !cursor;
      note.hidden = body.children.length > 0;
      if (!body.children.length) {
        note.replaceChildren(user ? h("span", null, `${user} has no orders here. If it is an order's id: `, orderLink(user, page.tenant)) : "There are no orders.");
      }
    } catch (error) {
      if (page.signal.aborted) return;
      note.hidden = false;
      note.textContent = `The list can't be read: ${error.message}`;
    }
    more.disabled = false;
  };
  more.addEventListener("click", load);
  await load();
}

function link(values) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  return `#/orders${query.size ? `?${query}` : ""}`;
}

function row(order, tenant) {
  return h("tr", null,
    h("th", { scope: "row" }, orderLink(order.orderId, tenant)),
    h("td", null, orderBadge(order.status), order.cancellationReason ? h("span", { class: "muted reason" }, ` ${order.cancellationReason}`) : null),
    h("td", null, h("a", { href: link({ user: order.userId, tenant }) }, order.userId)),
    h("td", { class: "n" }, money(order.total, order.currency)),
    h("td", null, ago(order.createdAt)));
}
