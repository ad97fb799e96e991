// The map of the listed images, by features: dots by label, of which those that are shown stand out.
const map = document.getElementById("map");
const canvas = document.getElementById("plane");
const [SIDE, DOT, REACH, CORNERS, MOST_COLOURS] = [640, 2.5, 12, 40, 20];
let places = null; // x and y of each row on the canvas
let drawn = [];
let shape = [];

function colourOf(label) {
  return `hsl(${(360 * study.classes.indexOf(label)) / study.classes.length} 70% 50%)`;
}

// Resolves to where rows lie, 0 to 1 in both directions, with room at the edges for whole dots.
async function positions() {
  const [x, y] = await Promise.all([column("map_x"), column("map_y")]);
  const ends = ["map_x", "map_y"].map((name) => columns.get(name)).map(({ low, step }) => [low, step]);
  const whole = (value, [low, step]) => 0.01 + (0.98 * (value - low)) / (65534 * step || 1);
  return Array.from({ length: study.n }, (_, row) => [whole(x(row), ends[0]), 1 - whole(y(row), ends[1])]);
}

function outline() {
  const given = state.area.split(",").filter(Boolean).map(Number);
  return given.length >= 6 && given.every(Number.isFinite) ? Array.from({ length: given.length >> 1 }, (_, i) => [given[2 * i], given[2 * i + 1]]) : [];
}

// Even-odd rule: how many edges lie to the right of the point.
function inside([x, y], corners) {
  return corners.filter(([ax, ay], i) => {
    const [bx, by] = corners[(i + 1) % corners.length];
    return ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax;
  }).length % 2 === 1;
}

async function inArea(found) {
  const corners = outline();
  if (!corners.length || !columns.has("map_x")) return found;
  places ??= await positions();
  return found.filter((row) => inside(places[row], corners));
}

function trace(brush, corners) {
  if (corners.length < 2) return;
  brush.beginPath();
  corners.forEach(([x, y], i) => brush[i ? "lineTo" : "moveTo"](x * SIDE, y * SIDE));
  brush.closePath();
  brush.strokeStyle = getComputedStyle(map).color;
  brush.stroke();
}

async function drawMap(shownRows) {
  drawn = shownRows;
  if (!map.open || map.hidden) return;
  places ??= await positions();
  const brush = canvas.getContext("2d");
  brush.clearRect(0, 0, SIDE, SIDE);
  const among = new Set(drawn);
  for (const bright of [false, true]) {
    for (let row = 0; row < study.n; row++) {
      if (among.has(row) !== bright) continue;
      brush.fillStyle = bright ? colourOf(labelOf(row)) : "hsl(0 0% 50% / 0.25)";
      const [x, y] = places[row];
      brush.fillRect(x * SIDE - DOT, y * SIDE - DOT, 2 * DOT, 2 * DOT);
    }
  }
  trace(brush, shape.length ? shape : outline());
  canvas.setAttribute("aria-label", `Map of ${study.n.toLocaleString("en")} images by the features of ${study.features_of}; ${drawn.length.toLocaleString("en")} are shown`);
}

function at(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

// The shown row that is nearest to a place, if one is near.
function rowAt([x, y]) {
  let [nearest, least] = [null, (REACH / SIDE) ** 2];
  for (const row of drawn) {
    const distance = (places[row][0] - x) ** 2 + (places[row][1] - y) ** 2;
    if (distance < least) [nearest, least] = [row, distance];
  }
  return nearest;
}

function hover(event) {
  if (!places) return;
  const row = rowAt(at(event));
  const told = document.getElementById("pointed");
  if (row === null) return told.replaceChildren("Point at a dot to see its image. Click it to open it, or draw around dots to show only these.");
  told.replaceChildren(thumbnail(row, TILE), ` ${imageIds[row]}: ${labelOf(row)}, ${captions.said(row)}`);
}

function select(corners) {
  const every = Math.ceil(corners.length / CORNERS);
  state.area = corners.filter((_, i) => i % every === 0).flat().map((value) => value.toFixed(3)).join(",");
  changed();
}

function legend() {
  if (study.classes.length > MOST_COLOURS) return [];
  return study.classes.map((name) => {
    const [entry, dot] = [element("span", ` ${name} `), element("i")];
    dot.style.background = colourOf(name);
    entry.prepend(dot);
    return entry;
  });
}

function startMap() {
  map.hidden = !columns.has("map_x");
  if (map.hidden) return;
  document.getElementById("legend").append(...legend());
  canvas.width = canvas.height = SIDE;
  map.addEventListener("toggle", () => drawMap(drawn).then(render));
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    shape = [at(event)];
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!shape.length) return hover(event);
    shape.push(at(event));
    drawMap(drawn);
  });
  canvas.addEventListener("pointerup", () => {
    const [corners, row] = [shape, rowAt(shape[0])];
    shape = [];
    if (corners.length > 5) select(corners);
    else if (row !== null) openDossier(row);
    drawMap(drawn);
  });
  canvas.addEventListener("pointercancel", () => {
    shape = [];
    drawMap(drawn);
  });
}
