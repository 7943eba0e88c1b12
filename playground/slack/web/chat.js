// The chat page: who you are, where you are, what you see there, and the command you type.
import { renderMessage } from "./blocks.js";

const person = document.getElementById("person");
const channels = document.getElementById("channels");
const channelName = document.getElementById("channel-name");
const messages = document.getElementById("messages");
const status = document.getElementById("status");
const text = document.getElementById("text");

const LOOK_EVERY = 300; // milliseconds

let people = [];
let channel = null;
let shown = ""; // what the screen shows, as JSON
let watching = 0; // grows with every change of person or channel, so that older answers are dropped

async function start() {
  const answer = await (await fetch("chat/people")).json();
  people = answer.people;
  for (const one of people) {
    person.append(new Option(`${one.name} (${one.kind})`, one.id));
  }
  person.addEventListener("change", () => choose(null));
  document.getElementById("composer").addEventListener("submit", send);
  choose(null);
}

function choose(channelId) {
  const { channels: mine } = people.find((one) => one.id === person.value);
  channel = mine.find((one) => one.id === channelId) ?? mine[0];
  channelName.textContent = channel.name;
  channels.replaceChildren(...mine.map((one) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = one.name;
    button.setAttribute("aria-current", String(one === channel));
    const kind = document.createElement("small");
    kind.textContent = one.kind;
    button.append(kind);
    button.addEventListener("click", () => { choose(one.id); text.focus(); });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
  shown = "";
  watch(++watching);
}

async function watch(mine) {
  let place = -1;
  while (mine === watching) {
    try {
      const where = new URLSearchParams({ person: person.value, channel: channel.id, place });
      const screen = await (await fetch(`chat/screen?${where}`)).json();
      if (mine !== watching) return;
      if (screen.messages) show(screen.messages);
      place = screen.place;
    } catch {
      say("The emulator does not answer; trying again.", true);
    }
    await new Promise((later) => setTimeout(later, LOOK_EVERY));
  }
}

function show(list) {
  const now = JSON.stringify(list);
  if (now === shown) return; // keeps the sorting of tables and the place one reads at
  shown = now;
  messages.replaceChildren(...list.map(renderMessage));
  messages.lastElementChild?.scrollIntoView({ block: "start" });
}

async function send(event) {
  event.preventDefault();
  const typed = text.value;
  text.value = "";
  say(`Sending ${typed}`);
  const body = JSON.stringify({ person: person.value, channel: channel.id, text: typed });
  const headers = { "Content-Type": "application/json" };
  try {
    const answer = await (await fetch("chat/say", { method: "POST", headers, body })).json();
    if (answer.error) say(`${typed}: ${answer.error}`, true);
    else say(`${typed}: acknowledged after ${Math.round(answer.acked_after * 1000)} ms`);
  } catch {
    say("The emulator does not answer; nothing was sent.", true);
  }
}

function say(what, isError = false) {
  status.textContent = what;
  status.className = isError ? "error" : "";
}

start();
