// The chat page: who you are, where you are, what you see there, and all that you do: type, press, choose, fill in.
import { element, renderBlocks, renderMessage } from "./blocks.js";

const byId = (id) => document.getElementById(id);
const person = byId("person");
const channels = byId("channels");
const channelName = byId("channel-name");
const messages = byId("messages");
const home = byId("home");
const modal = byId("modal");
const status = byId("status");
const text = byId("text");

const LOOK_EVERY = 300; // milliseconds
const HOME = "home";

let people = [];
let shortcuts = {};
let channel = null; // of the person, or HOME
let shown = {}; // what each part of the screen shows, as JSON: what has not changed is not drawn anew
let watching = 0; // grows with every change of person or channel, so that older answers are dropped

async function start() {
  const answer = await (await fetch("chat/people")).json();
  ({ people, shortcuts } = answer);
  for (const one of people) person.append(new Option(`${one.name} (${one.kind})`, one.id));
  person.addEventListener("change", () => choose(null));
  byId("composer").addEventListener("submit", send);
  byId("modal-form").addEventListener("submit", submitModal);
  byId("modal-close").addEventListener("click", () => ask("close", {}));
  modal.addEventListener("cancel", (event) => { event.preventDefault(); ask("close", {}); });
  choose(null);
}

function choose(channelId) {
  const { channels: mine } = people.find((one) => one.id === person.value);
  channel = channelId === HOME ? HOME : mine.find((one) => one.id === channelId) ?? mine[0];
  const isHome = channel === HOME;
  channelName.textContent = isHome ? "UYSP: Home" : channel.name;
  home.hidden = !isHome;
  messages.hidden = isHome;
  byId("composer").hidden = isHome;
  const places = [...mine.map((one) => place(one.name, one.kind, one === channel, one.id)),
    place("UYSP: Home", "app", isHome, HOME)];
  channels.replaceChildren(...places);
  shown = {};
  if (isHome) ask(HOME, {});
  watch(++watching);
}

function place(name, kind, isCurrent, id) {
  const button = element("button", "", name, element("small", "", kind));
  button.type = "button";
  button.setAttribute("aria-current", String(isCurrent));
  button.addEventListener("click", () => { choose(id); if (id !== HOME) text.focus(); });
  return element("li", "", button);
}

async function watch(mine) {
  let seen = "";
  while (mine === watching) {
    try {
      const where = channel === HOME ? people.find((one) => one.id === person.value).channels[0].id : channel.id;
      const query = new URLSearchParams({ person: person.value, channel: where, place: seen });
      const screen = await (await fetch(`chat/screen?${query}`)).json();
      if (mine !== watching) return;
      if (screen.messages) show(screen);
      seen = screen.place;
    } catch {
      say("The emulator does not answer; trying again.", true);
    }
    await new Promise((later) => setTimeout(later, LOOK_EVERY));
  }
}

function show(screen) {
  if (changed("messages", screen.messages)) {
    messages.replaceChildren(...screen.messages.map((one) => renderMessage(one, acts({ channel: one.channel, ts: one.ts }), shortcuts)));
    messages.lastElementChild?.scrollIntoView({ block: "start" });
  }
  if (changed("home", screen.home)) {
    home.replaceChildren(...(screen.home ? renderBlocks(screen.home.blocks, acts({ view: screen.home.id })) : ["Opening…"]));
  }
  if (changed("modal", screen.modal)) showModal(screen.modal);
}

function changed(part, content) {
  const now = JSON.stringify(content);
  const isNew = shown[part] !== now; // keeps the sorting of tables and the place one reads at
  shown[part] = now;
  return isNew;
}

function showModal(view) {
  if (!view) {
    if (modal.open) modal.close();
    return;
  }
  byId("modal-title").textContent = view.title;
  byId("modal-body").replaceChildren(...renderBlocks(view.blocks, acts({ view: view.id }), view.errors));
  const submit = byId("modal-submit");
  submit.hidden = !view.submit;
  submit.textContent = view.submit ?? "";
  byId("modal-close").textContent = view.close ?? "Close";
  if (!modal.open) modal.showModal();
}

function submitModal(event) {
  event.preventDefault();
  const values = {};
  for (const field of modal.querySelectorAll("[data-action]")) {
    const given = field.type === "checkbox" ? null : field.value;
    if (given) values[field.dataset.action] = given;
  }
  for (const box of modal.querySelectorAll("[data-boxes]")) {
    values[box.dataset.boxes] = [...box.querySelectorAll("input:checked")].map((one) => one.value);
  }
  ask("submit", { values });
}

// What can be done in a message or a view; each returns what came of it.

function acts(where) {
  const inside = (name) => (block, part, more = {}) =>
    ask(name, { ...where, block_id: block.block_id, action_id: part.action_id, ...more });
  return {
    act: inside("act"),
    search: (block, part, typed) => inside("search")(block, part, { typed }),
    shortcut: (callbackId) => ask("shortcut", { ...where, callback_id: callbackId }),
    people: () => people,
    channels: () => people.find((one) => one.id === person.value).channels.filter((one) => one.kind !== "direct message"),
  };
}

function send(event) {
  event.preventDefault();
  const typed = text.value;
  text.value = "";
  say(`Sending ${typed}`);
  ask("say", { channel: channel.id, text: typed });
}

async function ask(what, more) {
  const body = JSON.stringify({ person: person.value, ...more });
  const headers = { "Content-Type": "application/json" };
  try {
    const answer = await (await fetch(`chat/${what}`, { method: "POST", headers, body })).json();
    if (answer.error) say(answer.error, true);
    else if (answer.acked_after !== null) say(`Acknowledged after ${Math.round(answer.acked_after * 1000)} ms`);
    else say("");
    return answer;
  } catch {
    say("The emulator does not answer; nothing was sent.", true);
    return { error: "unreachable" };
  }
}

function say(what, isError = false) {
  status.textContent = what;
  status.className = isError ? "error" : "";
}

start();
