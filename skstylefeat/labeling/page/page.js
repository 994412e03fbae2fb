// The page: its state, keys and clicks.

import { Queue, ask, findNewAddress, send } from "./queue.js";
import { range, tilesInView, watchDrags } from "./selection.js";
import { $, neighbor, showAttributes, showClasses, showCluster, showClusters, showLabels,
  showMessage, showNames, showNotices, showOffline, showProgress } from "./view.js";

const POLL_MS = 2000; // between two requests for the changes of other pages
const ROWS_PER_REQUEST = 1500;
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const MODIFIERS = ["Shift", "Control", "Alt", "Meta", "AltGraph"];

const state = {
  // From the server, constant while the questions are the same:
  files: [], clusters: [], order: [], folder: "", grouping: null, page_key: null, kind: "class",
  attribute: null, foreign: {}, copies: {},
  // From the server, changing:
  version: -1, classes: [], labels: {}, unsure: new Set(), canUndo: false, namesFile: null,
  attributes: [], complete: false, estimate: "", useful: true, nDoubts: 0,
  // Of this page:
  cluster: 0, row: null, selected: new Set(), several: false, mode: "label", leaving: false,
  keys: 0, anchor: undefined,
  queue: new Queue(answered, refused, connected),
  // The label of a row, even if it is not saved yet; undefined if there is none.
  labelOf(row) {
    const waiting = this.queue.change(this.attribute, row);
    return (waiting ? waiting.label : this.labels[row]) ?? undefined;
  },
  isUnsure(row) {
    const waiting = this.queue.change(this.attribute, row);
    return waiting ? Boolean(waiting.unsure) : this.unsure.has(row);
  },
  isOpen(row) {
    return this.labelOf(row) === undefined && !this.isUnsure(row);
  },
};

const query = () => `?attribute=${encodeURIComponent(state.attribute ?? "")}`;
const pending = (cluster) => state.clusters[cluster].asked.filter((row) => state.isOpen(row));

function refresh() {
  showAttributes(state);
  showLabels(state);
  showProgress(state);
  showClusters(state);
  showClasses(state);
}

// Other pages may have labeled since, and an older answer may arrive after a newer one.
function update(progress) {
  if (progress.attribute !== state.attribute) return;
  if (progress.version < state.version) return;
  if (progress.grouping !== state.grouping) return void start(state.attribute, "round");
  const changed = progress.version !== state.version;
  state.version = progress.version;
  state.classes = progress.classes;
  state.labels = progress.labels;
  state.unsure = new Set(progress.unsure);
  state.canUndo = progress.can_undo;
  state.namesFile = progress.names_file;
  state.attributes = progress.attributes;
  state.complete = progress.complete;
  state.estimate = progress.estimate;
  state.useful = progress.useful;
  state.nDoubts = progress.n_doubts;
  if (changed) refresh();
}

function answered(progress, change) {
  const wasComplete = state.complete;
  const round = progress.attribute === state.attribute && progress.grouping !== state.grouping;
  update(progress);
  if (round) return;
  refresh();
  if (change.op === "undo") {
    if (progress.undone !== state.attribute) start(progress.undone, "undo", progress.row);
    else if (progress.row !== null) show(progress.row);
    showMessage("Undone.");
  } else if (change.op === "class") {
    showMessage(`New class: ${change.body.name}.`);
  } else if (change.op === "attribute") {
    start(change.body.name, "attribute");
  } else if (state.complete && !wasComplete && !state.queue.waiting.length) {
    const open = state.attributes.find((x) => x.done < x.asked);
    if (open) start(open.name, "attribute");
    else {
      openNames();
      showMessage("All questions are answered.");
    }
  }
}

function refused(message, change) {
  showMessage(message, true);
  refresh();
  if (change.op === "class") {
    $("class-error").textContent = message;
    openClassDialog(change.body.name);
  } else if (change.op === "label") {
    show(change.body.rows[0]);
    if (state.kind === "number" && change.body.label !== null) editNumber(change.body.label);
    showMessage(message, true);
  }
}

async function connected(problem) {
  showOffline(problem, state.queue.waiting.length);
  if (!problem || !state.page_key) return;
  const address = await findNewAddress(state.page_key);
  if (address && !location.pathname.startsWith(address)) {
    state.leaving = true;
    location.replace(address);
  }
}

function push(op, body = {}) {
  state.queue.push(op, { attribute: state.attribute, keys: state.keys, ...body });
  state.keys = 0;
}

function openCluster(cluster, row) {
  state.mode = "label";
  state.cluster = cluster;
  const { asked, others } = state.clusters[cluster];
  state.row = row ?? pending(cluster)[0] ?? asked[0] ?? others[0];
  state.selected = new Set([state.row]);
  $("names-view").hidden = true;
  $("label-view").hidden = false;
  $("names-button").setAttribute("aria-pressed", false);
  showCluster(state, others.indexOf(state.row) >= 0);
  refresh();
  $("main").scrollTop = 0;
  focusTile();
}

function show(row) {
  const cluster = state.clusters.findIndex(
    ({ asked, others }) => asked.includes(row) || others.includes(row));
  if (state.mode !== "label" || cluster !== state.cluster) openCluster(cluster, row);
  else choose(row);
}

// Choose one image, or several of which one has the focus.
function choose(row, rows = [row]) {
  state.row = row;
  state.selected = new Set(rows);
  showLabels(state);
  showClasses(state);
  focusTile();
  showMessage(rows.length > 1 ? `${rows.length} images selected.` : "");
}

function focusTile() {
  if (!document.querySelector("dialog[open]"))
    document.querySelector(`#label-view .tile[data-row="${state.row}"]`)?.focus();
}

function label(name, unsure = false) {
  if (state.mode !== "label" || state.row === null) return;
  const before = state.labelOf(state.row);
  const rows = [...state.selected];
  const changed = rows.filter((row) =>
    state.labelOf(row) !== (name ?? undefined) || state.isUnsure(row) !== unsure);
  if (!changed.length) return advance(before);
  for (let at = 0; at < changed.length; at += ROWS_PER_REQUEST) {
    const part = changed.slice(at, at + ROWS_PER_REQUEST);
    push("label", { rows: part, file: state.files[part[0]], label: name, unsure });
  }
  const copies = changed.reduce((sum, row) => sum + (state.copies[row] ?? 0), 0);
  const what = changed.length === 1 ? state.files[changed[0]] : `${changed.length} images`;
  const also = copies && changed.length === 1
    ? ` and ${copies} cop${copies === 1 ? "y" : "ies"} of it` : "";
  showMessage(`${what}${also}: ${unsure ? "unsure" : name ?? "no label"}.`);
  if (name === null && !unsure) refresh();
  else advance(before);
}

// Go to the next image that needs a label: in this cluster, else in the next cluster that has one.
// After a correction, and after an image that needs no label, go to the next image only.
function advance(before) {
  const { asked, others } = state.clusters[state.cluster];
  const at = asked.indexOf(state.row);
  const several = state.selected.size > 1;
  if (at >= 0 || several) {
    const left = pending(state.cluster);
    const next = left.find((row) => asked.indexOf(row) > at) ?? left[0];
    if (next !== undefined) state.row = next;
    else if (before !== undefined && !several) state.row = asked[at + 1] ?? state.row;
    else {
      const count = state.clusters.length;
      for (let step = 1; step < count; step++) {
        const cluster = (state.cluster + step) % count;
        if (pending(cluster).length) return openCluster(cluster);
      }
      if (!state.complete) showMessage("Reading all images by your labels …");
    }
  } else {
    state.row = others[others.indexOf(state.row) + 1] ?? state.row;
  }
  state.selected = new Set([state.row]);
  refresh();
  focusTile();
}

function selectRest() {
  const rows = tilesInView().map((tile) => Number(tile.dataset.row));
  const { asked, others } = state.clusters[state.cluster];
  const rest = [...asked, ...others].filter((row) => state.isOpen(row));
  if (!rest.length) return showMessage("All images of this cluster have a label.");
  if (rest.length > rows.length) showCluster(state, true);
  choose(rest[0], rest);
  showMessage(`${rest.length} images selected: the next key labels all of them; Esc selects one.`);
}

async function openNames(atDoubts = false) {
  state.mode = "names";
  const attribute = state.attribute;
  const { status, answer } = await ask(`names${query()}`);
  if (state.mode !== "names" || state.attribute !== attribute) return;
  $("label-view").hidden = true;
  $("names-view").hidden = false;
  $("names-button").setAttribute("aria-pressed", true);
  const problem = answer.error || "The server does not answer.";
  showNames(state, status === 200 ? answer : null, problem, state.namesFile);
  showClusters(state);
  showClasses(state);
  $("main").scrollTop = 0;
  $("main").focus();
  if (!atDoubts) return;
  const first = document.querySelector("#doubts .tile");
  if (first) first.focus();
  else showMessage("No label contradicts the others.");
}

function toggleNames() {
  if (state.mode === "names") openCluster(state.cluster, state.row);
  else openNames();
}

function nextAttribute() {
  const at = state.attributes.findIndex((x) => x.name === state.attribute);
  const next = state.attributes[(at + 1) % state.attributes.length];
  if (state.attributes.length > 1) start(next.name, "attribute");
  else showMessage("There is one attribute; x adds others.");
}

function openClassDialog(name = "") {
  if (state.kind !== "class") return showMessage("Numbers are asked for here, no classes.");
  $("class-name").value = name;
  if (!name) $("class-error").textContent = "";
  if (!$("class-dialog").open) $("class-dialog").showModal();
  $("class-name").focus();
}

function openMenu() {
  $("menu-message").textContent = "";
  $("names-file").textContent = state.namesFile ?? "not written yet";
  $("menu-dialog").showModal();
}

function say(text, isError = false) {
  $("menu-message").textContent = text;
  $("menu-message").className = isError ? "error" : "";
}

function enlarge() {
  $("picture").src = `whole/${state.row}`;
  $("picture").alt = $("picture-name").textContent = state.files[state.row];
  $("picture-dialog").showModal();
}

// Numbers are typed into a field; the first digit moves the focus there.
function editNumber(text) {
  $("number").value = text;
  $("number").focus();
  $("number").setSelectionRange(text.length, text.length);
}

function saveNumber() {
  const text = $("number").value.trim();
  $("number").value = "";
  if (text) label(text);
  else focusTile();
}

function onKey(event) {
  const undo = event.key.toLowerCase() === "z";
  if (!MODIFIERS.includes(event.key) && !event.repeat) state.keys++;
  if (!state.grouping || event.altKey || ((event.ctrlKey || event.metaKey) && !undo)) return;
  if (document.querySelector("dialog[open]")) {
    if (event.key === " " && $("picture-dialog").open) {
      event.preventDefault();
      $("picture-dialog").close();
    }
    return;
  }
  if (document.activeElement === $("number")) {
    if (event.key === "Escape") {
      $("number").value = "";
      focusTile();
    }
    return;
  }
  const act = action(event);
  if (!act) return;
  event.preventDefault();
  // A key that is held down moves on, but labels only once.
  if (!event.repeat || ARROWS.includes(event.key)) act();
}

function action(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "z") return () => push("undo");
  if (key === "?") return () => $("help-dialog").showModal();
  if (key === "v") return toggleNames;
  if (key === "d") return () => openNames(true);
  if (key === "a") return nextAttribute;
  if (key === "x") return openMenu;
  if (key === "n" || key === "p") {
    const count = state.clusters.length;
    return () => openCluster((state.cluster + (key === "n" ? 1 : count - 1)) % count);
  }
  if (key === "c" || key === "+") return () => openClassDialog();
  if (ARROWS.includes(key)) return () => move(key, event.shiftKey);
  if (state.mode !== "label") return key === "Escape" ? toggleNames : null;
  if (key === "r") return selectRest;
  if (key === "u") return () => label(null, true);
  if (key === "s") return toggleSeveral;
  if (key === "Escape") return () => choose(state.row);
  const onTile = document.activeElement?.classList.contains("tile");
  if ((key === " " || key === "Enter") && onTile) return enlarge;
  if (key === "Delete" || key === "Backspace") return () => label(null);
  if (state.kind === "number") return /^[\d.,-]$/.test(key) ? () => editNumber(key) : null;
  // On some keyboards digits need shift; the code of the key is the same.
  const digit = event.shiftKey ? null : /^Digit([1-9])$/.exec(event.code)?.[1];
  const classOf = (key) => state.classes.find(({ keys }) => keys.includes(key));
  const chosen = classOf(key) ?? classOf(digit);
  return chosen ? () => label(chosen.name) : null;
}

function move(key, extend) {
  if (state.mode !== "label") {
    const from = document.activeElement?.closest("#names-view .tile");
    const to = from ? neighbor(from, key, "#names-view") : document.querySelector("#names-view .tile");
    return void to?.focus();
  }
  const from = document.querySelector("#label-view .tile[aria-current=true]");
  const to = from && neighbor(from, key, "#label-view");
  if (!to) return;
  const row = Number(to.dataset.row);
  if (!extend) return choose(row);
  state.anchor = state.selected.size > 1 && state.anchor !== undefined ? state.anchor : state.row;
  choose(row, range(state.anchor, row));
}

function toggleSeveral() {
  state.several = !state.several;
  $("several-button").setAttribute("aria-pressed", state.several);
  showMessage(state.several ? "Each click adds or removes an image." : "");
}

function clickTile(row, event) {
  if (state.mode !== "label") return show(row);
  if (event.detail === 2 && !state.several) return enlarge();
  if (event.shiftKey) return choose(row, range(state.row, row));
  if (!state.several && !event.ctrlKey && !event.metaKey) return choose(row);
  const rows = new Set(state.selected);
  if (rows.has(row) && rows.size > 1) rows.delete(row);
  else rows.add(row);
  choose(rows.has(row) ? row : [...rows][0], [...rows]);
}

function onClick(event) {
  const button = event.target.closest("button");
  if (!button || !state.grouping) return;
  const actions = {
    "add-class": () => openClassDialog(),
    "undo-button": () => push("undo"),
    "names-button": toggleNames,
    "help-button": () => $("help-dialog").showModal(),
    "menu-button": openMenu,
    "unsure-button": () => label(null, true),
    "rest-button": selectRest,
    "several-button": toggleSeveral,
    more: () => {
      showCluster(state, true);
      refresh();
    },
  };
  if ("close" in button.dataset) button.closest("dialog").close();
  else if (button.classList.contains("tile")) clickTile(Number(button.dataset.row), event);
  else if ("cluster" in button.dataset) openCluster(Number(button.dataset.cluster));
  else if ("attribute" in button.dataset) start(button.dataset.attribute, "attribute");
  else if ("name" in button.dataset) label(button.dataset.name);
  else actions[button.id]?.();
}

// Load the questions about an attribute, null for the first one, and show the first that is open.
async function start(attribute = null, why = "", row = null) {
  const address = attribute === null ? "" : `?attribute=${encodeURIComponent(attribute)}`;
  const { status, answer } = await ask(`layout${address}`);
  if (status === 409 && attribute !== null) return void start();
  if (status !== 200) {
    connected(answer.error || "The server does not answer.");
    return void setTimeout(() => start(attribute, why, row), POLL_MS);
  }
  Object.assign(state, answer, { version: -1 });
  state.cluster = Math.min(state.cluster, state.clusters.length - 1);
  const { answer: progress } = await ask(`progress${query()}`);
  if (progress.grouping !== state.grouping)
    return void setTimeout(() => start(attribute, why, row), POLL_MS);
  connected(null);
  if (!why) state.queue.restore(state.page_key);
  update(progress);
  showNotices(state);
  const first = state.clusters.findIndex((_, cluster) => pending(cluster).length);
  if (row !== null) show(row);
  else openCluster(first < 0 ? state.cluster : first);
  const named = state.attribute || "this attribute";
  if (first < 0 && row === null) openNames();
  else if (state.kind === "class" && !state.classes.length)
    showMessage(`Press c to name the first class of ${named}.`);
  else if (why === "round")
    showMessage("The images are clustered anew by your labels; framed ones are the least clear.");
  else if (why === "attribute") showMessage(`Now ${named}.`);
  if (!why) state.queue.run();
}

async function poll() {
  if (!document.hidden && state.grouping && !state.queue.waiting.length) {
    const { status, answer } = await ask(`progress${query()}`);
    connected(status === 200 ? null : answer.error || "The server does not answer.");
    if (status === 200 && !state.queue.waiting.length) update(answer);
  }
  setTimeout(poll, POLL_MS);
}

function onSubmit(id, act) {
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act(event);
  });
}

document.addEventListener("keydown", onKey);
document.addEventListener("click", onClick);
watchDrags((rows, isLast) => {
  choose(rows[0], rows);
  if (isLast) showMessage(`${rows.length} image${rows.length === 1 ? "" : "s"} selected.`);
});
onSubmit("number-form", saveNumber);
$("class-dialog").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("class-name").value.trim();
  if (!name) return;
  $("class-dialog").close();
  push("class", { name });
});
onSubmit("attribute-form", () => {
  const name = $("attribute-name").value.trim();
  if (!name) return;
  $("menu-dialog").close();
  push("attribute", { name, kind: $("attribute-kind").value });
  $("attribute-name").value = "";
});
onSubmit("names-form", async () => {
  const { status, answer } = await send("write-names", {});
  if (status === 200) say(`Written to ${answer.names_file}.`);
  else say(answer.error || "The server does not answer.", true);
});
onSubmit("export-form", async (event) => {
  const op = event.submitter?.value ?? "export-folder";
  say(op === "export-model" ? "Fitting a model; this takes about a minute …" : "Copying …");
  const { status, answer } = await send(op, { folder: $("export-path").value });
  if (status !== 200) say(answer.error || "The server does not answer.", true);
  else if (op === "export-model") say(`Model: ${answer.folder}`);
  else say(`${answer.n_images} images and metadata.csv: ${answer.folder}`);
});
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", () => state.mode === "label" && focusTile());
}
window.addEventListener("beforeunload", (event) => {
  if (state.queue.waiting.length && !state.leaving) event.preventDefault();
});
start().then(poll);
