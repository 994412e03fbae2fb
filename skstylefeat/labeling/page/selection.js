// Selection of several images: ranges, single ones added, and a rectangle that is drawn.

import { $ } from "./view.js";

const DRAG_PIXELS = 6; // a shorter way of the mouse is a click

export const tilesInView = () => [...document.querySelectorAll("#label-view .tile")];
const rowOf = (tile) => Number(tile.dataset.row);

// The rows of all tiles from one to another, in the order of the page.
export function range(from, to) {
  const rows = tilesInView().map(rowOf);
  const [a, b] = [rows.indexOf(from), rows.indexOf(to)];
  if (a < 0 || b < 0) return [to];
  return rows.slice(Math.min(a, b), Math.max(a, b) + 1);
}

// Call `select(rows, isLast)` while a rectangle is drawn with the mouse over the tiles.
export function watchDrags(select) {
  const main = $("main");
  let start = null;
  let dragged = false;

  function rowsInside(event) {
    const [left, right] = [start.x, event.clientX].sort((a, b) => a - b);
    const [top, bottom] = [start.y, event.clientY].sort((a, b) => a - b);
    const edge = main.getBoundingClientRect();
    Object.assign($("lasso").style, {
      left: `${left - edge.left + main.scrollLeft}px`,
      top: `${top - edge.top + main.scrollTop}px`,
      width: `${right - left}px`,
      height: `${bottom - top}px`,
    });
    return tilesInView().filter((tile) => {
      const box = tile.getBoundingClientRect();
      return box.left < right && box.right > left && box.top < bottom && box.bottom > top;
    }).map(rowOf);
  }

  main.addEventListener("pointerdown", (event) => {
    const canDrag = event.pointerType === "mouse" && event.button === 0;
    dragged = false;
    if (canDrag && !$("label-view").hidden) start = { x: event.clientX, y: event.clientY };
  });
  document.addEventListener("pointermove", (event) => {
    if (!start) return;
    const way = Math.hypot(event.clientX - start.x, event.clientY - start.y);
    if (!dragged && way < DRAG_PIXELS) return;
    dragged = true;
    $("lasso").hidden = false;
    const rows = rowsInside(event);
    if (rows.length) select(rows, false);
  });
  document.addEventListener("pointerup", (event) => {
    if (start && dragged) {
      const rows = rowsInside(event);
      if (rows.length) select(rows, true);
    }
    start = null;
    $("lasso").hidden = true;
  });
  // The click at the end of a drag would choose a single image.
  document.addEventListener("click", (event) => {
    if (!dragged) return;
    dragged = false;
    event.stopPropagation();
    event.preventDefault();
  }, true);
  main.addEventListener("dragstart", (event) => event.preventDefault());
}
