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
  const image = make("img", { src: `small/${row}`, alt: "", loading: "lazy", decoding: "async" });
  const button = make("button", { type: "button", className: "tile", tabIndex: -1 }, image);
  button.append(make("span", { className: "chip" }), make("span", { className: "file" }, file));
  button.dataset.row = row;
  button.dataset.file = file;
  button.title = file;
  button.dataset.asked = large ? "yes" : "no";
  return button;
}

// Update labels, frames and the chosen image on existing tiles.
export function showLabels(state) {
  for (const button of document.querySelectorAll("#label-view .tile")) {
    const row = Number(button.dataset.row);
    const label = state.labelOf(row);
    const asked = button.dataset.asked === "yes";
    const waits = state.queue.label(row) !== undefined;
    const chosen = row === state.row;
    button.className = ["tile", hue(state, label), asked && "asked", label && "done",
      waits && "waiting"].filter(Boolean).join(" ");
    const chip = button.querySelector(".chip");
    chip.textContent = label ?? (asked ? "?" : "");
    chip.className = label ? "chip named" : "chip";
    button.tabIndex = chosen ? 0 : -1;
    button.setAttribute("aria-current", chosen);
    button.setAttribute("aria-label", [button.dataset.file, asked ? "label needed" : "",
      label ? `labeled ${label}` : "no label", waits ? "being saved" : ""]
      .filter(Boolean).join(", "));
  }
}

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
  const done = asked.filter((row) => state.labelOf(row) !== undefined).length;
  $("folder").textContent = state.folder;
  $("bar").max = asked.length;
  $("bar").value = done;
  $("count").textContent = `${done} of ${asked.length} labeled`;
  $("count").dataset.waiting = state.queue.waiting.length;
  document.title = `${done}/${asked.length} ${state.folder}`;
  $("undo-button").disabled = !state.canUndo && !state.queue.waiting.length;
  const { asked: here, others } = state.clusters[state.cluster];
  const left = here.filter((row) => state.labelOf(row) === undefined).length;
  $("cluster-hint").textContent = `${plural(here.length + others.length, "image")}, ` +
    (left ? `${left} of ${here.length} framed images to label`
      : here.length ? "labeled" : "no label needed");
}

export function showClusters(state) {
  const items = state.clusters.map(({ asked }, cluster) => {
    const dots = make("span", { className: "dots", ariaHidden: "true" });
    const done = asked.map((row) => state.labelOf(row) !== undefined);
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
  const current = state.labelOf(state.row);
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

export function showNames(state, found, problem, file) {
  const view = $("names-view");
  if (!found) {
    view.replaceChildren(make("h2", {}, "Names"), make("p", { className: "hint" }, problem));
    return;
  }
  const title = make("h2", {}, file ? "All images have a name" : "Names so far");
  const hint = make("p", { className: "hint" });
  const summary = make("div", { className: "summary" }, hint);
  if (file) hint.append("Written to ", make("code", {}, file), ".");
  else {
    hint.append("Some labels are still missing.");
    summary.append(make("button", { type: "button", id: "write-names" }, "Write the file now"));
  }
  hint.append(" Framed images have your label. The others have the name of their cluster and its " +
    "confidence, lowest first. Choose an image to correct it.");
  const sections = state.clusters.map(({ asked, others }, cluster) => {
    const rows = [...asked, ...others];
    rows.sort((a, b) => found.confidence[a] - found.confidence[b]);
    const heading = make("h3", {}, `Cluster ${cluster}: ${found.clusters[cluster]}, ` +
      plural(rows.length, "image"));
    const tiles = make("div", { className: "tiles" }, ...rows.slice(0, FIRST_IMAGES).map((row) => {
      const labeled = state.labelOf(row) !== undefined;
      const button = tile(state, row, false);
      const confidence = labeled ? "your label" : `${Math.round(100 * found.confidence[row])} %`;
      button.className = ["tile", hue(state, found.names[row]), labeled && "labeled"]
        .filter(Boolean).join(" ");
      button.querySelector(".chip").textContent = found.names[row];
      button.querySelector(".chip").className = "chip named";
      button.querySelector(".file").textContent = confidence;
      button.tabIndex = 0;
      button.setAttribute("aria-label", `${state.files[row]}, ${found.names[row]}, ${confidence}`);
      return button;
    }));
    const section = make("section", {}, heading, tiles);
    if (rows.length > FIRST_IMAGES) section.append(make("p", { className: "hint" },
      `and ${rows.length - FIRST_IMAGES} more`));
    return section;
  });
  view.replaceChildren(title, summary, ...sections);
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
export function neighbor(from, key) {
  const tiles = [...document.querySelectorAll("#label-view .tile")];
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
