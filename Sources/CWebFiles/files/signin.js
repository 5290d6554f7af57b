// Signing in with a key or a token, and out. The browser keeps it sealed in a cookie that no script can read.
import { h } from "./dom.js";

const session = "/dashboard/session";
const place = document.getElementById("who");

/** Says in the top bar who has signed in, with a way out; nothing where nobody has to. */
export async function who() {
  const answer = await fetch(session, { cache: "no-store" }).catch(() => undefined);
  const caller = answer?.ok ? await answer.json().catch(() => ({})) : {};
  place.hidden = !caller.subject;
  place.replaceChildren();
  if (!caller.subject) return;
  place.append(
    h("span", { title: caller.scopes.join(" ") }, caller.subject),
    h("button", { type: "button", class: "copy", onclick: out }, "Sign out"));
}

async function out() {
  await fetch(session, { method: "DELETE" }).catch(() => undefined);
  location.reload();
}

/** Asks for a credential in place of the page, and calls `done` when it is taken. */
export function signIn(main, done) {
  place.hidden = true;
  document.title = "Sign in · orderflow";
  const note = h("p", { class: "note", role: "alert" });
  const field = h("input", { id: "credential", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "credential-help" });
  const button = h("button", { class: "primary" }, "Sign in");
  const form = h("form", { id: "sign-in", class: "card sign-in" },
    h("h1", null, "Sign in"),
    h("label", { for: "credential" }, "Key or token"),
    field,
    h("p", { id: "credential-help", class: "muted" }, "It needs the scope ", h("code", null, "operate"), ", and ", h("code", null, "orders:read"), " to show orders: ",
      h("code", null, "orderflow keys create --name NAME --scope operate,orders:read")),
    button, note);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    note.textContent = "";
    try {
      const answer = await fetch(session, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ credential: field.value.trim() }),
      });
      if (answer.ok) {
        field.value = "";
        return done();
      }
      const problem = await answer.json().catch(() => ({}));
      note.textContent = problem.detail ?? problem.title ?? `status ${answer.status}`;
    } catch {
      note.textContent = "The server doesn't answer.";
    }
    button.disabled = false;
    field.focus();
  });
  main.replaceChildren(form);
  field.focus();
}
