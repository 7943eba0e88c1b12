// Messages and Block Kit blocks as elements of the page. Data only ever becomes text, never markup.

export function renderMessage(message) {
  const who = element("span", "who", message.author);
  const time = new Date(Number(message.ts) * 1000).toLocaleTimeString();
  const line = element("div", "", who, tag(message.is_app ? "APP" : ""), tag(time), tag(message.edited ? "(edited)" : ""));
  const item = element("li", message.ephemeral ? "ephemeral" : "");
  if (message.ephemeral) item.append(element("p", "only-you", "Only visible to you"));
  item.append(line);
  if (message.blocks.length) item.append(...message.blocks.map(renderBlock));
  else item.append(mrkdwn(message.text));
  return item;
}

const RENDERERS = {
  header: (block) => text(block.text),
  divider: () => element("hr"),
  section: renderSection,
  context: (block) => block.elements.map(text),
  actions: (block) => element("div", "actions", ...block.elements.map(renderElement)),
  table: (block) => renderTable(block.rows, { header: false }),
  data_table: (block) => renderTable(block.rows, { header: true, caption: block.caption }),
  markdown: (block) => element("div", "text", block.text),
  rich_text: (block) => element("div", "text", richText(block)),
};

function renderBlock(block) {
  const render = RENDERERS[block.type];
  const content = render ? render(block) : element("pre", "", JSON.stringify(block, null, 2));
  return element("div", `block block-${block.type}`, ...[content].flat());
}

function renderSection(block) {
  const body = element("div");
  if (block.text) body.append(text(block.text));
  if (block.fields) body.append(element("div", "fields", ...block.fields.map(text)));
  return block.accessory ? [body, renderElement(block.accessory)] : body;
}

function renderElement(part) {
  if (part.type === "button" || part.type === "workflow_button") {
    const button = element("button", part.style ?? "", part.text.text);
    button.type = "button";
    button.disabled = true;
    button.title = "Buttons are shown, not pressed, here";
    return button;
  }
  if (part.options) {
    const select = element("select");
    select.setAttribute("aria-label", part.placeholder?.text ?? part.action_id ?? part.type);
    select.append(...part.options.map((option) => new Option(option.text.text, option.value)));
    return select;
  }
  return element("code", "", part.placeholder?.text ?? part.alt_text ?? part.type);
}

// Tables: a data_table sorts by a click on its header, by number where every cell of the column is one.

function renderTable(rows, { header, caption }) {
  const table = element("table");
  if (caption) table.append(element("caption", "", caption));
  const bodyRows = header ? rows.slice(1) : rows;
  const numeric = (rows[0] ?? []).map((_, column) => bodyRows.every((row) => row[column]?.type === "raw_number"));
  const body = element("tbody");
  const fill = (sorted) => body.replaceChildren(...sorted.map((row) => tableRow("td", row, numeric)));
  if (header) {
    const titles = tableRow("th", rows[0], numeric);
    [...titles.children].forEach((title, column) => makeSortable(title, column, bodyRows, numeric[column], fill));
    table.append(element("thead", "", titles));
  }
  fill(bodyRows);
  table.append(body);
  return element("div", "table", table);
}

function tableRow(kind, cells, numeric) {
  return element("tr", "", ...cells.map((cell, column) => element(kind, numeric[column] ? "number" : "", cellText(cell))));
}

function makeSortable(title, column, rows, numeric, fill) {
  const button = element("button", "", title.textContent);
  button.type = "button";
  title.scope = "col";
  title.replaceChildren(button);
  button.addEventListener("click", () => {
    const up = title.getAttribute("aria-sort") !== "ascending";
    for (const other of title.parentElement.children) other.removeAttribute("aria-sort");
    title.setAttribute("aria-sort", up ? "ascending" : "descending");
    const compare = numeric
      ? (a, b) => a[column].value - b[column].value
      : (a, b) => cellText(a[column]).localeCompare(cellText(b[column]));
    fill([...rows].sort((a, b) => (up ? compare(a, b) : compare(b, a))));
  });
}

function cellText(cell) {
  return cell.type === "rich_text" ? richText(cell) : cell.text ?? String(cell.value ?? "");
}

function richText(part) {
  return (part.elements ?? []).map((child) => child.text ?? child.url ?? richText(child)).join("");
}

// Text: plain_text as it is, mrkdwn with Slack's marks. Entities are resolved last, so they cannot make marks.

function text(object) {
  if (object.type === "image") return element("code", "", object.alt_text);
  return object.type === "mrkdwn" ? mrkdwn(object.text) : element("div", "text", object.text);
}

const MARKS = [
  [/```([\s\S]+?)```/, (found) => element("pre", "", plain(found[1]))],
  [/`([^`\n]+)`/, (found) => element("code", "", plain(found[1]))],
  [/<([^<>\n]+)>/, (found) => link(found[1])],
  [/(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])/, (found) => element("strong", "", ...marked(found[1]))],
  [/(?<![\w_])_(\S(?:[^_\n]*\S)?)_(?![\w_])/, (found) => element("em", "", ...marked(found[1]))],
  [/(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])/, (found) => element("s", "", ...marked(found[1]))],
];

function mrkdwn(source) {
  return element("div", "text", ...source.split(/^(?:&gt;|>) ?(.*)(?:\n|$)/m).flatMap((part, index) =>
    index % 2 ? [element("blockquote", "", ...marked(part))] : marked(part)));
}

function marked(source) {
  for (const [pattern, make] of MARKS) {
    const found = pattern.exec(source);
    if (found) {
      const after = source.slice(found.index + found[0].length);
      return [...marked(source.slice(0, found.index)), make(found), ...marked(after)];
    }
  }
  return source ? [plain(source)] : [];
}

function link(inside) {
  const bar = inside.indexOf("|");
  const [target, label] = bar < 0 ? [inside, ""] : [inside.slice(0, bar), inside.slice(bar + 1)];
  const date = /^!date\^(\d+)\^/.exec(target);
  if (date) return element("time", "", new Date(Number(date[1]) * 1000).toLocaleString());
  if (/^[@#!]/.test(target)) return element("span", "mention", plain(label || target));
  const anchor = element("a", "", plain(label || target));
  if (/^(https?:|mailto:)/.test(target)) anchor.href = plain(target);
  anchor.rel = "noopener noreferrer";
  anchor.target = "_blank";
  return anchor;
}

function plain(source) {
  return source.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function tag(what) {
  return what ? element("span", "tag", what) : "";
}

function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
