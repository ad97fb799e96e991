// Controls, address and the first view.
const count = document.getElementById("count");
let latest = 0;

function fillSelect(name, values, any) {
  const select = controls.elements[name];
  if (any) select.append(new Option(any, ""));
  for (const value of values) select.append(new Option(value, value));
}

async function fillControls() {
  for (const name of ["class", "consensus", "kind", "source_split", "partition"]) {
    const { values } = columns.get(name);
    const order = name === "class" || name === "consensus" ? study.classes.filter((value) => values.includes(value)) : values;
    fillSelect(name, order.filter(Boolean), "any");
    controls.elements[name].labels[0].hidden = values.length < 2; // nothing to choose
  }
  fillSelect("sort", numbers.map((each) => each.name));
  for (const each of controls.elements.sort.options) each.text = each.value.replaceAll("_", " ");
  for (const each of controls.elements.sort.options) each.title = columns.get(each.value).meaning;
  fillSelect("model", new Set(study.runs.map((run) => run.model)), "any");
  fillSelect("combo", new Set(study.runs.map((run) => run.combo)), "any");
  fillSelect("as", study.classes, "any class");
  document.getElementById("with-maps").hidden = !study.maps.length;
  const otherLabel = await column("near_duplicate_other_label");
  document.getElementById("with-other-label").hidden = !imageIds.some((_, row) => otherLabel(row) === 1);
}

function showState() {
  for (const key in NOTHING) {
    const control = controls.elements[key];
    if (control?.type === "checkbox") control.checked = state[key] !== "";
    else if (control) control.value = state[key];
  }
  showMeaning();
}

function showMeaning() {
  const choosing = document.activeElement === controls.elements.kind;
  document.getElementById("kind-meaning").textContent = choosing || state.kind ? columns.get("kind").meaning : "";
  document.getElementById("sort-meaning").textContent = columns.get(state.sort).meaning;
}

function readControls() {
  for (const key in NOTHING) {
    const control = controls.elements[key];
    if (control) state[key] = control.type === "checkbox" ? (control.checked ? "1" : "") : control.value.trim();
  }
}

async function update() {
  const turn = ++latest;
  grid.ariaBusy = "true";
  const { found, byNumber, absent } = await selected();
  if (turn !== latest) return; // a later choice overtook this one
  await showRows(found);
  await drawMap(found);
  const byName = absent.length && found.length ? " by a part of their file's name" : "";
  const shownOf = byNumber ? `${found.length} found by number` : `${found.length.toLocaleString("en")} of ${study.n.toLocaleString("en")} images${byName}`;
  count.textContent = shownOf + (absent.length ? `; not in the gallery: ${absent.join(", ")}` : "");
  if (!found.length) grid.replaceChildren(emptyRow(absent.length ? "No such image here: the gallery has only images that some run misclassified, and the hardest." : "No image is like that. Loosen a filter."));
  grid.ariaBusy = "false";
}

function emptyRow(text) {
  const [line, only] = [element("div"), element("div", text, "empty")];
  [line.role, only.role] = ["row", "gridcell"];
  line.style.position = "static";
  line.append(only);
  return line;
}

// On a phone filters take the whole window: folded until they are asked for.
function startFilters() {
  const filters = document.getElementById("filters");
  filters.open = !matchMedia("(max-width: 40rem)").matches;
  filters.addEventListener("toggle", render);
}

// Puts the address, which holds the view, where the system pastes from. A page from http has no clipboard.
async function copyLink(button) {
  const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
  button.textContent = copied ? "Link copied" : "Copy it from the address bar";
  setTimeout(() => (button.textContent = "Copy link"), 2000);
}

function changed() {
  readControls();
  showMeaning();
  writeAddress();
  update();
}

async function followAddress() {
  readAddress();
  showState();
  await update();
  const row = rowOf.get(Number(state.image));
  if (state.image !== "" && row !== undefined) openDossier(row);
}

if (study.n) {
  await fillControls();
  await startVerdicts();
  startMap();
  startFilters();
  controls.hidden = false;
  controls.addEventListener("input", changed);
  for (const event of ["focus", "blur"]) controls.elements.kind.addEventListener(event, showMeaning);
  controls.addEventListener("submit", (event) => {
    event.preventDefault();
    focusCell(0);
  });
  controls.addEventListener("reset", (event) => {
    event.preventDefault();
    Object.assign(state, NOTHING);
    showState();
    writeAddress();
    update();
  });
  addEventListener("hashchange", followAddress);
  for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", () => copyLink(button));
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key === "/" && !typing && !dossier.open) {
      event.preventDefault();
      controls.elements.find.focus();
    }
  });
  await followAddress();
} else {
  grid.remove();
}
