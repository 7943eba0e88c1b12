// Messages and Block Kit blocks as elements of the page. Data only ever becomes text, never markup.

export function renderMessage(message, acts, shortcuts = {}) {
  const who = element("span", "who", message.author);
  const time = new Date(Number(message.ts) * 1000).toLocaleTimeString();
  const marks = [tag(message.is_app ? "APP" : ""), tag(time), tag(message.edited ? "(edited)" : "")];
  const line = element("div", "", who, ...marks, ...(message.ephemeral ? [] : menu(acts, shortcuts)));
  const item = element("li", message.ephemeral ? "ephemeral" : "");
  if (message.ephemeral) item.append(element("p", "only-you", "Only visible to you"));
  item.append(line);
  if (message.blocks.length) item.append(...renderBlocks(message.blocks, acts));
  else if (message.text) item.append(mrkdwn(message.text));
  item.append(...(message.files ?? []).map(renderFile));
  return item;
}

export function renderBlocks(blocks, acts, errors = {}) {
  return blocks.map((block) => renderBlock(block, acts, errors[block.block_id]));
}

function menu(acts, shortcuts) {
  return Object.entries(shortcuts).map(([callbackId, name]) => {
    const button = element("button", "shortcut", name);
    button.type = "button";
    button.addEventListener("click", () => acts.shortcut(callbackId));
    return button;
  });
}

function renderFile(file) {
  const anchor = element("a", "", file.title || file.name);
  anchor.href = `chat/files/${file.id}`;
  anchor.download = file.name;
  return element("p", "file", anchor, tag(`${file.size.toLocaleString()} bytes`));
}

const RENDERERS = {
  header: (block) => text(block.text),
  divider: () => element("hr"),
  section: renderSection,
  context: (block) => block.elements.map(text),
  actions: (block, acts) => element("div", "actions", ...block.elements.map((part) => renderElement(block, part, acts))),
  input: renderInput,
  table: (block) => renderTable(block.rows, { header: false }),
  data_table: (block) => renderTable(block.rows, { header: true, caption: block.caption }),
  data_visualization: renderChart,
  markdown: (block) => element("div", "text", block.text),
  rich_text: (block) => element("div", "text", ...richNodes(block)),
};

function renderBlock(block, acts, error) {
  const render = RENDERERS[block.type];
  const content = render ? render(block, acts) : element("pre", "", JSON.stringify(block, null, 2));
  const below = error ? [element("p", "input-error", error)] : [];
  return element("div", `block block-${block.type}`, ...[content].flat(), ...below);
}

function renderSection(block, acts) {
  const body = element("div");
  if (block.text) body.append(text(block.text));
  if (block.fields) body.append(element("div", "fields", ...block.fields.map(text)));
  return block.accessory ? [body, renderElement(block, block.accessory, acts)] : body;
}

function renderInput(block, acts) {
  const field = renderElement(block, block.element, acts, true);
  const hint = block.hint ? [element("small", "", block.hint.text)] : [];
  return element("label", "input", element("span", "who", block.label.text), field, ...hint);
}

// What is pressed, chosen or filled in. In an input nothing is sent before the modal is submitted.

function renderElement(block, part, acts, isInput = false) {
  if (part.type === "button" || part.type === "workflow_button") return renderButton(block, part, acts);
  if (part.type === "plain_text_input" || part.type === "number_input") return renderField(part);
  if (part.type === "external_select") return renderSearch(block, part, acts, isInput);
  if (part.type === "checkboxes" || part.type === "radio_buttons") return renderBoxes(part);
  const options = choicesOf(part, acts);
  if (options) return renderSelect(block, part, options, acts, isInput);
  return element("code", "", part.placeholder?.text ?? part.alt_text ?? part.type);
}

function renderButton(block, part, acts) {
  const button = element("button", part.style ?? "", part.text.text);
  button.type = "button";
  button.addEventListener("click", () => {
    const { confirm } = part;
    if (!confirm || window.confirm(`${confirm.title.text}\n\n${confirm.text.text}`)) acts.act(block, part);
  });
  return button;
}

function renderField(part) {
  const field = element(part.multiline ? "textarea" : "input");
  field.value = part.initial_value ?? "";
  field.placeholder = part.placeholder?.text ?? "";
  if (part.max_length) field.maxLength = part.max_length;
  field.dataset.action = part.action_id;
  return field;
}

function renderBoxes(part) {
  const type = part.type === "checkboxes" ? "checkbox" : "radio";
  const chosen = (part.initial_options ?? [part.initial_option]).map((option) => option?.value);
  const boxes = part.options.map((option) => {
    const box = element("input");
    Object.assign(box, { type, name: part.action_id, value: option.value, checked: chosen.includes(option.value) });
    if (type === "radio") box.addEventListener("change", () => { group.dataset.value = option.value; });
    return element("label", "box", box, option.text.text);
  });
  const group = element("span", "boxes", ...boxes);
  group.dataset.boxes = part.action_id;
  return group;
}

function choicesOf(part, acts) {
  if (part.options) return part.options.map((option) => [option.text.text, option.value]);
  if (part.option_groups) {
    return part.option_groups.flatMap((group) => group.options.map((option) => [`${group.label.text}: ${option.text.text}`, option.value]));
  }
  if (part.type === "users_select") return acts.people().map((one) => [one.name, one.id]);
  if (/^(conversations|channels)_select$/.test(part.type)) return acts.channels().map((one) => [one.name, one.id]);
  return null;
}

function renderSelect(block, part, options, acts, isInput) {
  const chosen = part.initial_option?.value ?? part.initial_conversation ?? part.initial_channel ?? part.initial_user;
  const select = element("select");
  select.setAttribute("aria-label", part.placeholder?.text ?? part.action_id ?? part.type);
  if (chosen === undefined) select.append(new Option(part.placeholder?.text ?? "Choose", ""));
  select.append(...options.map(([label, value]) => new Option(label, value, false, value === chosen)));
  if (part.type !== "overflow") select.value = chosen ?? "";
  if (isInput) select.dataset.action = part.action_id;
  else select.addEventListener("change", () => { if (select.value) acts.act(block, part, { value: select.value }); });
  return select;
}

function renderSearch(block, part, acts, isInput) {
  const field = element("input");
  field.placeholder = part.placeholder?.text ?? "Type to search";
  field.setAttribute("aria-label", field.placeholder);
  const value = element("input");
  value.type = "hidden";
  if (part.initial_option) [field.value, value.value] = [part.initial_option.text.text, part.initial_option.value];
  if (isInput) value.dataset.action = part.action_id;
  const found = element("span", "found");
  field.addEventListener("input", async () => {
    if (field.value.length < (part.min_query_length ?? 3)) return;
    const typed = field.value;
    const { options = [] } = await acts.search(block, part, typed);
    if (typed !== field.value) return; // an answer to what was typed before
    found.replaceChildren(...options.map((option) => {
      const button = element("button", "", option.text.text, element("small", "", ` ${option.description?.text ?? ""}`));
      button.type = "button";
      button.addEventListener("click", () => {
        [field.value, value.value] = [option.text.text, option.value];
        found.replaceChildren();
        if (!isInput) acts.act(block, part, { value: option.value });
      });
      return button;
    }));
    if (!options.length) found.append("No results");
  });
  return element("span", "search", field, value, found);
}

// Charts, simply drawn: a group of bars, or a line, for each series.

const COLOURS = ["#11598f", "#c9721a", "#0f7a55", "#8b3fa0", "#b3122f", "#5b5b66"];
const WIDTH = 640, HEIGHT = 220, EDGE = 34;

function renderChart(block) {
  const { chart } = block;
  const figure = element("figure", "", element("figcaption", "who", block.title));
  if (chart.type === "pie") {
    figure.append(...chart.segments.map((one) => element("div", "", `${one.label}: ${one.value}`)));
    return figure;
  }
  const { categories } = chart.axis_config;
  const series = chart.series.map((one) => ({
    name: one.name,
    values: categories.map((label) => one.data.find((point) => point.label === label)?.value ?? 0),
  }));
  const most = Math.max(...series.flatMap((one) => one.values), 0) || 1;
  const at = (value) => HEIGHT - EDGE - (value / most) * (HEIGHT - 2 * EDGE);
  const step = (WIDTH - 2 * EDGE) / categories.length;
  const image = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  image.append(svg("title", {}, `${block.title}, most ${most.toLocaleString()}`));
  image.append(svg("text", { x: 2, y: at(most) + 4 }, most.toLocaleString()));
  image.append(svg("line", { x1: EDGE, x2: WIDTH - EDGE, y1: at(0), y2: at(0), stroke: "#8c8c96" }));
  categories.forEach((label, position) => {
    const every = Math.ceil(categories.length / 8);
    if (position % every) return;
    image.append(svg("text", { x: EDGE + step * (position + 0.5), y: HEIGHT - 14, "text-anchor": "middle" }, label));
  });
  series.forEach(({ name, values }, number) => {
    const colour = COLOURS[number % COLOURS.length];
    const hover = (value, position) => svg("title", {}, `${name}, ${categories[position]}: ${value.toLocaleString()}`);
    if (chart.type === "bar") {
      const width = (step * 0.8) / series.length;
      values.forEach((value, position) => {
        const x = EDGE + step * (position + 0.1) + width * number;
        const bar = svg("rect", { x, y: at(value), width, height: at(0) - at(value), fill: colour });
        bar.append(hover(value, position));
        image.append(bar);
      });
    } else {
      const points = values.map((value, position) => [EDGE + step * (position + 0.5), at(value)]);
      image.append(svg("polyline", { points: points.join(" "), fill: "none", stroke: colour, "stroke-width": 2 }));
      points.forEach(([cx, cy], position) => {
        const dot = svg("circle", { cx, cy, r: 3, fill: colour });
        dot.append(hover(values[position], position));
        image.append(dot);
      });
    }
  });
  const legend = series.map(({ name }, number) => {
    const mark = svg("svg", { viewBox: "0 0 10 10", class: "key", "aria-hidden": "true" });
    mark.append(svg("rect", { width: 10, height: 10, fill: COLOURS[number % COLOURS.length] }));
    return element("span", "", mark, name);
  });
  figure.append(image, element("div", "legend", ...legend));
  return figure;
}

function svg(name, attributes, label = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (label) made.append(label);
  return made;
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
  return (part.elements ?? []).map((child) => child.type === "date" ? localTime(child.timestamp)
    : child.text ?? child.url ?? richText(child)).join("");
}

function richNodes(part) {
  return (part.elements ?? []).flatMap((child) => {
    if (child.elements) return richNodes(child);
    const said = child.text ?? child.url ?? "";
    return child.style?.bold ? [element("strong", "", said)] : [said];
  });
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
  if (date) return element("time", "", localTime(Number(date[1])));
  if (/^[@#!]/.test(target)) return element("span", "mention", plain(label || target));
  const anchor = element("a", "", plain(label || target));
  if (/^(https?:|mailto:)/.test(target)) anchor.href = plain(target);
  anchor.rel = "noopener noreferrer";
  anchor.target = "_blank";
  return anchor;
}

function localTime(seconds) {
  return new Date(seconds * 1000).toLocaleString();
}

function plain(source) {
  return source.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function tag(what) {
  return what ? element("span", "tag", what) : "";
}

export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
