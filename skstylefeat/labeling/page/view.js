// The elements of the page, made from the state; nothing here changes the state.

const FIRST_IMAGES = 120; // of a cluster, shown before the button for all of them is pressed
const HUES = 8;

export const $ = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

function hue(state, name) {
  const place = state.classes.findIndex((x) => x.name === name);
  return place < 0 ? "" : `k${place % HUES}`;
}

function tile(state, row, large) {
  const file = state.files[row];
  const image = make("img", { src: `small/${row}`, alt: "", loading: "lazy", decoding: "async",
    draggable: false });
  const button = make("button", { type: "button", className: "tile", tabIndex: -1 }, image);
  button.append(make("span", { className: "chip" }), make("span", { className: "file" }, file));
  if (state.foreign[row]) button.append(make("span", { className: "badge warn" }, "foreign"));
  else if (state.copies[row])
    button.append(make("span", { className: "badge" }, `×${state.copies[row] + 1}`));
  button.dataset.row = row;
  button.dataset.file = file;
  button.title = [file, state.foreign[row] && `foreign to the generator: ${state.foreign[row]}`,
    state.copies[row] && `${state.copies[row] + 1} copies, labeled together`]
    .filter(Boolean).join("\n");
  button.dataset.asked = large ? "yes" : "no";
  return button;
}

// Update labels, frames and the chosen images on existing tiles.
export function showLabels(state) {
  for (const button of document.querySelectorAll("#label-view .tile")) {
    const row = Number(button.dataset.row);
    const label = state.labelOf(row);
    const unsure = state.isUnsure(row);
    const asked = button.dataset.asked === "yes";
    const waits = state.queue.change(state.attribute, row) !== undefined;
    const current = row === state.row;
    const chosen = state.selected.has(row);
    button.className = ["tile", hue(state, label), asked && "asked", (label || unsure) && "done",
      chosen && "chosen", waits && "waiting"].filter(Boolean).join(" ");
    const chip = button.querySelector(".chip");
    chip.textContent = label ?? (unsure ? "unsure" : asked ? "?" : "");
    chip.className = label ? "chip named" : "chip";
    button.tabIndex = current ? 0 : -1;
    button.setAttribute("aria-current", current);
    button.setAttribute("aria-pressed", chosen);
    button.setAttribute("aria-label", [button.dataset.file, asked ? "label needed" : "",
      label ? `labeled ${label}` : unsure ? "unsure" : "no label", waits ? "being saved" : "",
      state.foreign[row] ? "foreign to the generator" : ""].filter(Boolean).join(", "));
  }
  const count = state.selected.size;
  $("actions").hidden = state.mode !== "label";
  $("rest-button").disabled = !clusterRows(state).some((row) => state.isOpen(row));
  $("classes").setAttribute("aria-label", count > 1
    ? `Class of ${count} images` : "Class of the chosen image");
}

const clusterRows = (state) => {
  const { asked, others } = state.clusters[state.cluster];
  return [...asked, ...others];
};

export function showCluster(state, all = false) {
  const { asked, others } = state.clusters[state.cluster];
  const shown = all ? others : others.slice(0, FIRST_IMAGES);
  $("asked").replaceChildren(...asked.map((row) => tile(state, row, true)));
  $("others").replaceChildren(...shown.map((row) => tile(state, row, false)));
  $("others-title").hidden = !others.length;
  $("more").hidden = shown.length === others.length;
  $("more").textContent = `Show all ${others.length}`;
  $("cluster-title").textContent = `Cluster ${state.cluster}`;
}

export function showProgress(state) {
  const asked = state.clusters.flatMap((x) => x.asked);
  const done = asked.filter((row) => !state.isOpen(row)).length;
  const attribute = state.attributes.find((x) => x.name === state.attribute);
  const total = Math.max(attribute?.asked ?? 0, asked.length);
  $("folder").textContent = state.folder;
  $("bar").max = total;
  $("bar").value = done;
  $("count").textContent = `${done} of ${total} labeled`;
  $("count").dataset.waiting = state.queue.waiting.length;
  document.title = `${done}/${total} ${state.folder}`;
  $("undo-button").disabled = !state.canUndo && !state.queue.waiting.length;
  const { asked: here, others } = state.clusters[state.cluster];
  const left = here.filter((row) => state.isOpen(row)).length;
  $("cluster-hint").textContent = `${plural(here.length + others.length, "image")}, ` +
    (left ? `${left} of ${here.length} framed images to label`
      : here.length ? "labeled" : "no label needed");
  $("estimate").textContent = state.estimate;
  $("estimate").className = state.useful ? "" : "weak";
}

// Buttons for several attributes; none for one without a name.
export function showAttributes(state) {
  const buttons = state.attributes.map(({ name, asked, done }) => {
    const button = make("button", { type: "button" }, name || "(no name)",
      make("span", { className: "small" }, `${done}/${asked}`));
    button.dataset.attribute = name;
    button.setAttribute("aria-current", name === state.attribute);
    return button;
  });
  $("attributes").hidden = buttons.length < 2 && !state.attribute;
  $("attributes").replaceChildren(...buttons);
}

// What concerns all labels: images that the generator cannot show.
export function showNotices(state) {
  const count = Object.keys(state.foreign).length;
  $("foreign").hidden = !count;
  $("foreign").textContent = `${count} of ${plural(state.files.length, "image")} look foreign to ` +
    "the generator and are marked: what is read from their codes means little. Check how they " +
    "are framed.";
}

export function showClusters(state) {
  const items = state.clusters.map(({ asked }, cluster) => {
    const dots = make("span", { className: "dots", ariaHidden: "true" });
    const done = asked.map((row) => !state.isOpen(row));
    dots.append(...done.map((x) => make("span", { className: x ? "dot done" : "dot" })));
    const button = make("button", { type: "button", tabIndex: 0 },
      make("span", {}, make("span", { className: "word" }, "Cluster "), `${cluster}`), dots);
    button.dataset.cluster = cluster;
    button.setAttribute("aria-current", state.mode === "label" && cluster === state.cluster);
    button.setAttribute("aria-label",
      `Cluster ${cluster}, ${done.filter(Boolean).length} of ${asked.length} labeled`);
    return make("li", {}, button);
  });
  $("clusters").replaceChildren(...items);
  $("clusters").querySelector("[aria-current=true]")
    ?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

export function showClasses(state) {
  const labeling = state.mode === "label";
  const isNumber = state.kind === "number";
  $("classes").hidden = !labeling || isNumber;
  $("number-form").hidden = !labeling || !isNumber;
  $("actions").hidden = !labeling;
  $("number-label").textContent = state.attribute || "Number";
  const current = state.labelOf(state.row);
  $("number").placeholder = isNumber ? current ?? "" : "";
  const buttons = state.classes.map(({ name, keys }) => {
    const button = make("button", { type: "button", className: `class ${hue(state, name)}` }, name,
      ...keys.map((key) => make("kbd", {}, key)));
    button.dataset.name = name;
    button.setAttribute("aria-pressed", name === current);
    return button;
  });
  const add = make("button", { type: "button", id: "add-class" }, "New class",
    make("kbd", {}, "c"));
  $("classes").replaceChildren(...buttons, add);
}

// A tile of the results: what was read, and below it how sure that is.
function resultTile(state, row, name, detail) {
  const labeled = state.labelOf(row) !== undefined;
  const button = tile(state, row, false);
  button.className = ["tile", hue(state, name), labeled && "labeled"].filter(Boolean).join(" ");
  button.querySelector(".chip").textContent = name;
  button.querySelector(".chip").className = "chip named";
  button.querySelector(".file").textContent = detail;
  button.tabIndex = 0;
  button.setAttribute("aria-label", `${state.files[row]}, ${name}, ${detail}`);
  return button;
}

// A heading and tiles, the first ones of many until a button shows all.
function resultSection(state, heading, rows, tileOf, properties = {}, first = (rows) => rows) {
  const few = first(rows).slice(0, FIRST_IMAGES);
  const tiles = make("div", { className: "tiles" }, ...few.map(tileOf));
  const section = make("section", properties, make("h3", {}, heading), tiles);
  if (rows.length > few.length) {
    const all = make("button", { type: "button", className: "all" }, `Show all ${rows.length}`);
    all.addEventListener("click", () => {
      tiles.replaceChildren(...rows.map(tileOf));
      all.remove();
    });
    section.append(all);
  }
  return section;
}

export function showNames(state, found, problem, file) {
  const view = $("names-view");
  const isNumber = state.kind === "number";
  if (!found) {
    view.replaceChildren(make("h2", {}, "Results"), make("p", { className: "hint" }, problem));
    return;
  }
  const what = isNumber ? "a number" : "a name";
  const title = make("h2", {}, state.complete ? `All images have ${what}` : "Results so far");
  const hint = make("p", { className: "hint" });
  const summary = make("div", { className: "summary" }, hint);
  if (file) hint.append("Written to ", make("code", {}, file), ". ");
  else hint.append("Some labels are still missing; the menu writes the file now. ");
  hint.append(isNumber
    ? "All images in order, with the interval that holds nine of ten true numbers. Framed images " +
      "have your number."
    : "Framed images have your label. The others have the class that your labels suggest and " +
      "its confidence, lowest first.");
  hint.append(" Choose an image to correct it.");
  const sections = [];
  if (found.estimate)
    summary.prepend(make("p", { className: state.useful ? "estimate" : "estimate weak" },
      found.estimate));
  if (found.doubts.length) {
    const byRow = new Map(found.doubts.map((x) => [x.row, x]));
    sections.push(resultSection(state, `${plural(found.doubts.length, "label")} that the others ` +
      "contradict", [...byRow.keys()], (row) => {
      const { label, expected, probability } = byRow.get(row);
      const sure = probability === null ? "" : ` (${Math.round(100 * probability)} %)`;
      return resultTile(state, row, label, `rather ${expected}${sure}`);
    }, { id: "doubts" }));
  }
  if (isNumber) {
    const rows = found.numbers.map((_, row) => row);
    rows.sort((a, b) => found.numbers[a] - found.numbers[b]);
    const detail = (row) => state.labelOf(row) !== undefined ? "given"
      : found.low[row] === null ? "interval: 9 numbers needed"
        : `${found.low[row]} to ${found.high[row]}`;
    sections.push(resultSection(state, `${plural(rows.length, "image")} in order`, rows,
      (row) => resultTile(state, row, found.names[row], detail(row)), {}, spread));
  } else {
    state.clusters.forEach(({ asked, others }, cluster) => {
      const rows = [...asked, ...others];
      rows.sort((a, b) => found.confidence[a] - found.confidence[b]);
      sections.push(resultSection(state, `Cluster ${cluster}: mostly ${found.clusters[cluster]}, ` +
        plural(rows.length, "image"), rows, (row) => resultTile(state, row, found.names[row],
        state.labelOf(row) !== undefined ? "given"
          : `${Math.round(100 * found.confidence[row])} %`)));
    });
  }
  view.replaceChildren(title, summary, ...sections);
}

// At most FIRST_IMAGES rows, evenly spread, so that both ends of an order are seen.
function spread(rows) {
  if (rows.length <= FIRST_IMAGES) return rows;
  const step = (rows.length - 1) / (FIRST_IMAGES - 1);
  return Array.from({ length: FIRST_IMAGES }, (_, i) => rows[Math.round(i * step)]);
}

export function showMessage(text, isError = false) {
  $("message").textContent = text;
  $("message").className = isError ? "error" : "";
}

export function showOffline(problem, waiting) {
  const changes = waiting === 1 ? "1 change waits here." : `${waiting} changes wait here.`;
  $("offline").hidden = !problem;
  $("offline").textContent = problem
    ? `${problem} ${waiting ? changes : "All labels are saved."} Start the command again: this ` +
      "page will continue by itself."
    : "";
}

// Return the tile that an arrow key leads to: up and down, the nearest one of the next line.
export function neighbor(from, key, view) {
  const tiles = [...document.querySelectorAll(`${view} .tile`)];
  const at = tiles.indexOf(from);
  if (key === "ArrowLeft") return tiles[at - 1];
  if (key === "ArrowRight") return tiles[at + 1];
  const down = key === "ArrowDown";
  const box = from.getBoundingClientRect();
  const middle = (x) => (x.left + x.right) / 2;
  let best, least = Infinity;
  for (const to of tiles) {
    const there = to.getBoundingClientRect();
    const rows = down ? there.top - box.bottom : box.top - there.bottom;
    if (rows < -1) continue;
    const distance = 10 * rows + Math.abs(middle(there) - middle(box));
    if (distance < least) [best, least] = [to, distance];
  }
  return best;
}
