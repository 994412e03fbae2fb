// The page: its state, keys and clicks.

import { Queue, ask, findNewAddress, send } from "./queue.js";
import { $, neighbor, showClasses, showCluster, showClusters, showLabels, showMessage, showNames,
  showOffline, showProgress } from "./view.js";

const POLL_MS = 2000; // between two requests for the changes of other pages
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

const state = {
  // From the server, constant:
  files: [], clusters: [], folder: "", grouping: null, page_key: null,
  // From the server, changing:
  version: -1, classes: [], labels: {}, canUndo: false, namesFile: null,
  // Of this page:
  cluster: 0, row: null, mode: "label", leaving: false,
  queue: new Queue(answered, refused, connected),
  // The label of a row, even if it is not saved yet; undefined if there is none.
  labelOf(row) {
    const waiting = this.queue.label(row);
    return (waiting === undefined ? this.labels[row] : waiting) ?? undefined;
  },
};

const pending = (cluster) =>
  state.clusters[cluster].asked.filter((row) => state.labelOf(row) === undefined);

function refresh() {
  showLabels(state);
  showProgress(state);
  showClusters(state);
  showClasses(state);
}

// Other pages may have labeled since, and an older answer may arrive after a newer one.
function update(progress) {
  if (progress.grouping !== state.grouping) return void start();
  if (progress.version < state.version) return;
  const changed = progress.version !== state.version;
  state.version = progress.version;
  state.classes = progress.classes;
  state.labels = progress.labels;
  state.canUndo = progress.can_undo;
  state.namesFile = progress.names_file;
  if (changed) refresh();
}

function answered(progress, change) {
  const wasComplete = Boolean(state.namesFile);
  update(progress);
  refresh();
  if (change.op === "undo") {
    if (progress.row !== null) show(progress.row);
    showMessage("Undone.");
  } else if (change.op === "class") {
    showMessage(`New class: ${change.body.name}.`);
  } else if (state.namesFile && !wasComplete && !state.queue.waiting.length) {
    openNames();
    showMessage("All labels are given.");
  }
}

function refused(message, change) {
  showMessage(message, true);
  refresh();
  if (change.op === "class") {
    $("class-error").textContent = message;
    openClassDialog(change.body.name);
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

function openCluster(cluster, row) {
  state.mode = "label";
  state.cluster = cluster;
  const { asked, others } = state.clusters[cluster];
  state.row = row ?? pending(cluster)[0] ?? asked[0] ?? others[0];
  $("names-view").hidden = true;
  $("label-view").hidden = $("classes").hidden = false;
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

function choose(row) {
  state.row = row;
  showLabels(state);
  showClasses(state);
  focusTile();
}

function focusTile() {
  if (!document.querySelector("dialog[open]"))
    document.querySelector(`#label-view .tile[data-row="${state.row}"]`)?.focus();
}

function label(name) {
  if (state.mode !== "label" || state.row === null) return;
  const before = state.labelOf(state.row);
  if (before === (name ?? undefined)) return advance(before);
  const file = state.files[state.row];
  state.queue.push("label", { row: state.row, file, label: name });
  showMessage(name === null ? `${file}: no label.` : `${file}: ${name}.`);
  if (name === null) refresh();
  else advance(before);
}

// Go to the next image that needs a label: in this cluster, else in the next cluster that has one.
// After a correction, and after an image that needs no label, go to the next image only.
function advance(before) {
  const { asked, others } = state.clusters[state.cluster];
  const at = asked.indexOf(state.row);
  if (at >= 0) {
    const left = pending(state.cluster);
    const next = left.find((row) => asked.indexOf(row) > at) ?? left[0];
    if (next !== undefined) state.row = next;
    else if (before !== undefined) state.row = asked[at + 1] ?? state.row;
    else {
      const count = state.clusters.length;
      for (let step = 1; step < count; step++) {
        const cluster = (state.cluster + step) % count;
        if (pending(cluster).length) return openCluster(cluster);
      }
    }
  } else {
    state.row = others[others.indexOf(state.row) + 1] ?? state.row;
  }
  refresh();
  focusTile();
}

async function openNames() {
  state.mode = "names";
  const { status, answer } = await ask("names");
  if (state.mode !== "names") return;
  $("label-view").hidden = $("classes").hidden = true;
  $("names-view").hidden = false;
  $("names-button").setAttribute("aria-pressed", true);
  const problem = answer.error || "The server does not answer.";
  showNames(state, status === 200 ? answer : null, problem, state.namesFile);
  showClusters(state);
  $("main").scrollTop = 0;
  $("main").focus();
}

async function writeNames() {
  const { status, answer } = await send("write-names", {});
  if (status === 200) showMessage(`Written to ${answer.names_file}.`);
  else showMessage(answer.error || "The server does not answer.", true);
}

function toggleNames() {
  if (state.mode === "names") openCluster(state.cluster, state.row);
  else openNames();
}

function openClassDialog(name = "") {
  $("class-name").value = name;
  if (!name) $("class-error").textContent = "";
  if (!$("class-dialog").open) $("class-dialog").showModal();
  $("class-name").focus();
}

function enlarge() {
  $("picture").src = `whole/${state.row}`;
  $("picture").alt = $("picture-name").textContent = state.files[state.row];
  $("picture-dialog").showModal();
}

function onKey(event) {
  const undo = event.key.toLowerCase() === "z";
  if (!state.grouping || event.altKey || ((event.ctrlKey || event.metaKey) && !undo)) return;
  if (document.querySelector("dialog[open]")) {
    if (event.key === " " && $("picture-dialog").open) {
      event.preventDefault();
      $("picture-dialog").close();
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
  if (key === "z") return () => state.queue.push("undo");
  if (key === "?") return () => $("help-dialog").showModal();
  if (key === "v") return toggleNames;
  if (key === "n" || key === "p") {
    const count = state.clusters.length;
    return () => openCluster((state.cluster + (key === "n" ? 1 : count - 1)) % count);
  }
  if (key === "c" || key === "+") return () => openClassDialog();
  if (state.mode !== "label") return key === "Escape" ? toggleNames : null;
  if (ARROWS.includes(key)) {
    const from = document.querySelector("#label-view .tile[aria-current=true]");
    return () => {
      const to = from && neighbor(from, key);
      if (to) choose(Number(to.dataset.row));
    };
  }
  const onTile = document.activeElement?.classList.contains("tile");
  if ((key === " " || key === "Enter") && onTile) return enlarge;
  if (key === "Delete" || key === "Backspace") return () => label(null);
  // On some keyboards digits need shift; the code of the key is the same.
  const digit = event.shiftKey ? null : /^Digit([1-9])$/.exec(event.code)?.[1];
  const classOf = (key) => state.classes.find(({ keys }) => keys.includes(key));
  const chosen = classOf(key) ?? classOf(digit);
  return chosen ? () => label(chosen.name) : null;
}

function onClick(event) {
  const button = event.target.closest("button");
  if (!button || !state.grouping) return;
  if ("close" in button.dataset) button.closest("dialog").close();
  else if (button.classList.contains("tile")) {
    const row = Number(button.dataset.row);
    if (state.mode === "label" && event.detail === 2) enlarge();
    else show(row);
  } else if ("cluster" in button.dataset) openCluster(Number(button.dataset.cluster));
  else if ("name" in button.dataset) label(button.dataset.name);
  else if (button.id === "add-class") openClassDialog();
  else if (button.id === "undo-button") state.queue.push("undo");
  else if (button.id === "names-button") toggleNames();
  else if (button.id === "help-button") $("help-dialog").showModal();
  else if (button.id === "write-names") writeNames();
  else if (button.id === "more") {
    showCluster(state, true);
    refresh();
  }
}

async function start() {
  const { status, answer } = await ask("layout");
  if (status !== 200) {
    connected(answer.error || "The server does not answer.");
    return void setTimeout(start, POLL_MS);
  }
  Object.assign(state, answer, { version: -1 });
  state.cluster = Math.min(state.cluster, state.clusters.length - 1);
  const { answer: progress } = await ask("progress");
  if (progress.grouping !== state.grouping) return void setTimeout(start, POLL_MS);
  connected(null);
  state.queue.restore(state.page_key);
  update(progress);
  const first = state.clusters.findIndex((_, cluster) => pending(cluster).length);
  openCluster(first < 0 ? state.cluster : first);
  if (first < 0) openNames();
  else if (!state.classes.length) showMessage("Press c to name the first class.");
  state.queue.run();
}

async function poll() {
  if (!document.hidden && state.grouping && !state.queue.waiting.length) {
    const { status, answer } = await ask("progress");
    connected(status === 200 ? null : answer.error || "The server does not answer.");
    if (status === 200) update(answer);
  }
  setTimeout(poll, POLL_MS);
}

document.addEventListener("keydown", onKey);
document.addEventListener("click", onClick);
$("class-dialog").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("class-name").value.trim();
  if (!name) return;
  $("class-dialog").close();
  state.queue.push("class", { name });
});
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", () => state.mode === "label" && focusTile());
}
window.addEventListener("beforeunload", (event) => {
  if (state.queue.waiting.length && !state.leaving) event.preventDefault();
});
start().then(poll);
