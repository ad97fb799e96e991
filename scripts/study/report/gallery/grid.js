// The grid of images. Only rows in sight, some beyond and the row of the active cell are in the document.
const grid = document.getElementById("grid");
const controls = document.getElementById("controls");
const TILE = 96;
// Room for the names of most classes; longer ones are cut, and whole in the tooltip.
const NAME = Math.min(170, 7 * (3 + Math.max(...study.classes.map((name) => name.length))));
const [CELL_WIDTH, CELL_HEIGHT] = [Math.max(TILE, study.width * enlargement(TILE), NAME) + 12, study.height * enlargement(TILE) + 60];
const BEYOND = 3;
const built = new Map();
let rows = [];
let perRow = 1;
let active = 0;
let captions = null;

async function showRows(found) {
  const names = ["consensus", "consensus_share", "n_eligible", state.sort, "cl_issue"];
  const [consensus, share, judges, score, issue] = await Promise.all(names.map(column));
  // Often said is not said by most: of two runs that differ, each has its own answer.
  const said = (row) => `runs most often say ${consensus(row)} (${Math.round(share(row) * judges(row))} of ${judges(row)})`;
  captions = { consensus, said, score, issue };
  rows = found;
  active = 0;
  layOut();
}

function layOut() {
  perRow = Math.max(1, Math.floor(grid.clientWidth / CELL_WIDTH));
  const count = Math.ceil(rows.length / perRow);
  grid.style.height = rows.length ? `${count * CELL_HEIGHT}px` : "";
  grid.setAttribute("aria-rowcount", count);
  grid.setAttribute("aria-colcount", perRow);
  built.clear();
  grid.replaceChildren();
  render();
}

function render() {
  if (!rows.length) return;
  const top = -grid.getBoundingClientRect().top;
  const last = Math.ceil(rows.length / perRow) - 1;
  const wanted = new Set([Math.floor(active / perRow)]);
  const first = Math.max(0, Math.floor(top / CELL_HEIGHT) - BEYOND);
  const end = Math.min(last, Math.ceil((top + innerHeight) / CELL_HEIGHT) + BEYOND);
  for (let line = first; line <= end; line++) wanted.add(line);
  for (const [line, element] of built) {
    if (!wanted.has(line)) {
      element.remove();
      built.delete(line);
    }
  }
  for (const line of wanted) if (!built.has(line)) build(line);
}

function build(line) {
  const element = document.createElement("div");
  element.role = "row";
  element.setAttribute("aria-rowindex", line + 1);
  element.style.top = `${line * CELL_HEIGHT}px`;
  for (let place = line * perRow; place < Math.min(rows.length, (line + 1) * perRow); place++) element.append(cell(place));
  built.set(line, element);
  // Rows stand in their order, so that reading order is what is seen.
  const after = [...built.keys()].filter((other) => other > line);
  grid.insertBefore(element, after.length ? built.get(Math.min(...after)) : null);
}

function cell(place) {
  const row = rows[place];
  const element = document.createElement("div");
  element.role = "gridcell";
  element.dataset.place = place;
  element.tabIndex = place === active ? 0 : -1;
  element.setAttribute("aria-colindex", (place % perRow) + 1);
  element.style.width = `${CELL_WIDTH}px`;
  element.style.height = `${CELL_HEIGHT}px`;
  const [label, consensus, suspect] = [labelOf(row), captions.consensus(row), captions.issue(row) === 1];
  const score = shown(state.sort, captions.score(row));
  const mark = markOf(row);
  element.setAttribute("aria-label", `Image ${imageIds[row]}: ${label}, ${captions.said(row)}, ${state.sort} ${score}${suspect ? ", label suspect" : ""}${mark ? `, you say ${mark}` : ""}`);
  const image = thumbnail(row, TILE);
  const lines = [["label", `${suspect ? "⚑ " : ""}${label}`], ["consensus", `→ ${consensus}`], [mark ? "mark" : "score", mark || score]].map(([name, text]) => {
    const span = document.createElement("span");
    span.className = name;
    span.textContent = text;
    span.title = text;
    return span;
  });
  element.append(image, ...lines);
  return element;
}

function cellAt(place) {
  return grid.querySelector(`[data-place="${place}"]`);
}

// Makes a cell the one that Tab leads to, brings it into sight and gives it the focus.
function focusCell(place) {
  if (!rows.length) return;
  cellAt(active)?.setAttribute("tabindex", "-1");
  active = Math.max(0, Math.min(rows.length - 1, place));
  const line = Math.floor(active / perRow);
  const covered = getComputedStyle(controls).position === "sticky" ? controls.offsetHeight : 0;
  const top = grid.getBoundingClientRect().top + line * CELL_HEIGHT;
  if (top < covered) scrollBy(0, top - covered - 8);
  else if (top + CELL_HEIGHT > innerHeight) scrollBy(0, top + CELL_HEIGHT - innerHeight + 8);
  render();
  const element = cellAt(active);
  element.tabIndex = 0;
  element.focus({ preventScroll: true });
}

grid.addEventListener("keydown", (event) => {
  if (event.altKey || event.metaKey) return;
  const page = perRow * Math.max(1, Math.floor((innerHeight - controls.offsetHeight) / CELL_HEIGHT));
  const start = active - (active % perRow);
  const target = {
    ArrowRight: active + 1,
    ArrowLeft: active - 1,
    ArrowDown: active + perRow < rows.length ? active + perRow : active,
    ArrowUp: active >= perRow ? active - perRow : active,
    PageDown: active + page,
    PageUp: active - page,
    Home: event.ctrlKey ? 0 : start,
    End: event.ctrlKey ? rows.length - 1 : start + perRow - 1,
  }[event.key];
  if (target !== undefined) {
    event.preventDefault();
    focusCell(target);
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    openDossier(rows[active]);
  }
});

grid.addEventListener("click", (event) => {
  const found = event.target.closest("[data-place]");
  if (!found) return;
  focusCell(Number(found.dataset.place));
  openDossier(rows[active]);
});

addEventListener("scroll", () => requestAnimationFrame(render), { passive: true });
document.querySelector("details").addEventListener("toggle", render);
addEventListener("resize", () => {
  const focused = grid.contains(document.activeElement);
  layOut();
  if (focused) focusCell(active);
});
