// All that is known of one image.
const dossier = document.getElementById("dossier");
const body = document.getElementById("dossier-body");
let openRow = null;

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function percent(steps) {
  return `${((100 * steps) / study.probability_steps).toFixed(1)} %`;
}

function section(title, note, ...content) {
  const made = element("section");
  made.append(element("h3", title), ...(note ? [element("p", note, "note")] : []), ...content);
  return made;
}

// The part that an image played in a run, in words.
function roleOf(code) {
  const judges = code >= study.may_judge;
  const role = study.roles[code % study.may_judge];
  if (judges) return role === "test" ? "may judge (test)" : "may judge";
  return { train: "trained on it", val: "validated on it", unknown: "may have been trained on it" }[role] ?? "has seen a near-duplicate";
}

function answerCell(all, index, run, label) {
  const made = element("td");
  if (run.diverged) {
    made.append("diverged");
    return made;
  }
  const right = all.predicted[index] === label;
  const judges = all.roles[index] >= study.may_judge;
  const answer = element("span", `${right ? "✓" : "✗"} ${study.classes[all.predicted[index]]} ${percent(all.confidence[index])}`, right ? "right" : "wrong");
  made.append(answer, element("small", `label ${percent(all.p_label[index])}`), element("small", roleOf(all.roles[index])));
  if (judges) made.className = "judge";
  return made;
}

async function runsTable(row) {
  const block = Math.floor(row / study.block);
  const [size, place] = [blockSize(block), row % study.block];
  const all = await answers(block);
  const label = study.classes.indexOf(labelOf(row));
  const seeds = [...new Set(study.runs.map((run) => run.seed))];
  const groups = new Map();
  study.runs.forEach((run, i) => {
    const key = JSON.stringify([run.combo, run.model]);
    if (!groups.has(key)) groups.set(key, new Map());
    groups.get(key).set(run.seed, i);
  });
  const table = element("table");
  const head = element("tr");
  for (const name of ["combo", "model", ...seeds.map((seed) => `seed ${seed}`)]) {
    const cell = element("th", name);
    cell.scope = "col";
    head.append(cell);
  }
  table.append(element("thead"), element("tbody"));
  table.tHead.append(head);
  for (const [key, runs] of groups) {
    const line = element("tr");
    for (const name of JSON.parse(key)) {
      const cell = element("th", name);
      cell.scope = "row";
      line.append(cell);
    }
    for (const seed of seeds) {
      const i = runs.get(seed);
      line.append(i === undefined ? element("td", "–") : answerCell(all, i * size + place, study.runs[i], label));
    }
    table.tBodies[0].append(line);
  }
  const scroll = element("div", "", "scroll");
  scroll.tabIndex = 0;
  scroll.role = "region";
  scroll.setAttribute("aria-label", "What each run says");
  scroll.append(table);
  return scroll;
}

function neighbour(position, className, scores) {
  const figure = element("figure");
  const listed = position < study.n;
  const id = listed ? imageIds[position] : extras[position - study.n];
  const caption = element("figcaption");
  if (listed) {
    const button = element("button", `${id}`);
    button.type = "button";
    button.setAttribute("aria-label", `Open image ${id}`);
    button.addEventListener("click", () => openDossier(position));
    caption.append(button);
  } else caption.append(element("span", `${id}`));
  caption.append(element("span", className), element("small", scores));
  figure.append(thumbnail(position, TILE), caption);
  return figure;
}

async function nearest(row) {
  if (study.best_run === null) return [];
  const block = Math.floor(row / study.block);
  const [all, confused, misled, others, ...own] = await Promise.all(
    [unpack(`neighbours-${block}`), unpack("confused"), unpack("misled"), unpack("extra-scores"), column("hardness"), column("label_suspicion")],
  );
  const scoresOfOne = (position) => {
    const values = position < study.n ? own.map((score) => score(position)) : others[position - study.n];
    const [hard, suspect] = values.map((value) => (value === null ? "–" : value.toFixed(2)));
    return `hardness ${hard}, suspicion ${suspect}`;
  };
  const start = 2 * study.k * (row % study.block);
  const misledRun = study.runs[misled[row]];
  const run = misledRun ?? study.runs[study.best_run];
  const best = study.features_of ? `the features of ${study.features_of}, among training images of ` : "the logits of ";
  const by = misledRun ? "what the network sees in " : best;
  const who = misledRun ? ", the best run that takes it for this" : "";
  const note = `By ${by}${run.model} on ${run.combo}, seed ${run.seed}${who}, nearest first. A training image of high suspicion may have a wrong label. Underlined numbers lead to images of this gallery.`;
  const taken = study.classes[confused[row]];
  const unknown = misledRun && given.has(imageIds[row]) ? "Not known: the label was corrected after this run made its predictions." : "There is none.";
  const strips = [
    [`Nearest training images of its label, ${labelOf(row)}${misledRun ? "" : ", that are classified right"}`, labelOf(row), start],
    [`Nearest training images of what it is taken for, ${taken}`, taken, start + study.k],
  ].filter(([, name]) => name !== undefined).map(([title, name, from]) => {
    const found = Array.from(all.slice(from, from + study.k)).filter((position) => position !== 2 ** 32 - 1);
    const strip = element("div", "", "strip");
    strip.append(...found.map((position) => neighbour(position, name, scoresOfOne(position))));
    return section(title, found.length ? "" : from === start ? unknown : "There is none.", strip);
  });
  return [...strips, element("p", note, "note")];
}

// The image in grey under the map in colours: half of each, then brightened to white, but at most to the double. The report's figures do the same.
function overlay(brush, values, colours) {
  const picture = brush.getImageData(0, 0, study.width, study.height);
  const pixels = picture.data;
  const mixed = new Float32Array(3 * values.length);
  values.forEach((value, i) => {
    const grey = (pixels[4 * i] + pixels[4 * i + 1] + pixels[4 * i + 2]) / 3;
    for (let c = 0; c < 3; c++) mixed[3 * i + c] = 0.5 * colours[3 * value + c] + 0.5 * grey;
  });
  const brighten = 255 / Math.max(mixed.reduce((a, b) => Math.max(a, b), 0), 127.5);
  mixed.forEach((value, i) => (pixels[4 * Math.floor(i / 3) + (i % 3)] = value * brighten));
  brush.putImageData(picture, 0, 0);
}

async function mapsOf(row) {
  const sections = await Promise.all(study.maps.map(async (maps, number) => {
    const at = maps.image_ids.indexOf(imageIds[row]);
    if (at < 0) return null;
    const [all, colours] = await Promise.all([unpack(`maps-${number}`), unpack("map-colours")]);
    const run = study.runs[maps.run];
    const pixels = study.width * study.height;
    const block = Math.floor(row / study.block);
    const predicted = (await answers(block)).predicted[maps.run * blockSize(block) + (row % study.block)];
    const strip = element("div", "", "strip");
    const plain = element("figure");
    plain.append(thumbnail(row, 2 * TILE), element("figcaption", "image"));
    strip.append(plain);
    maps.layers.forEach((layer, l) => {
      [study.classes[predicted], labelOf(row)].forEach((name, which) => {
        const from = ((at * maps.layers.length + l) * 2 + which) * pixels;
        const canvas = thumbnail(row, 2 * TILE);
        canvas.drawn.then(() => overlay(canvas.getContext("2d"), all.subarray(from, from + pixels), colours));
        const figure = element("figure");
        figure.append(canvas, element("figcaption", `${which ? "true" : "predicted"}, ${name}: ${layer}`));
        strip.append(figure);
      });
    });
    const note =
      "Which places speak for the predicted and for the true class, by layer: from black, none, to yellow, most. A map says where the network looks, not why it errs.";
    return section(`Grad-CAM: ${run.model} on ${run.combo}, seed ${run.seed}`, note, strip);
  }));
  return sections.filter(Boolean);
}

async function scoresOf(shownRows) {
  const list = element("dl", "", "scores");
  list.style.setProperty("--images", shownRows.length);
  for (const { name, meaning } of numbers) {
    if (name === "image_id") continue;
    const value = await column(name);
    const values = shownRows.map((row) => element("dd", shown(name, value(row)), "number"));
    list.append(element("dt", name), ...values, element("dd", meaning, "meaning"));
  }
  const order = shownRows.length > 1 ? `Of image ${imageIds[shownRows[0]]}, then of image ${imageIds[shownRows[1]]}.` : "";
  return section("Scores", order, list);
}

function enlarged(row, size) {
  const image = thumbnail(row, size);
  image.removeAttribute("aria-hidden");
  image.role = "img";
  image.setAttribute("aria-label", `Image ${imageIds[row]}, enlarged`);
  return image;
}

// The image that is kept beside the open one; undefined if there is none, or it is the open one.
function rowBeside(row) {
  const other = state.beside === "" ? undefined : rowOf.get(Number(state.beside));
  return other === row ? undefined : other;
}

async function sidesOf(shownRows) {
  const sides = element("div", "", "sides");
  const size = Math.min(288, innerWidth / 2 - 48);
  const facts = await Promise.all(shownRows.map(factsOf));
  shownRows.forEach((row, i) => {
    const side = section(`Image ${imageIds[row]}${i ? "" : ", kept"}`, "", enlarged(row, size), facts[i]);
    sides.append(side);
  });
  return sides;
}

function showBeside(row) {
  const [button, other] = [document.getElementById("beside"), rowBeside(row)];
  button.ariaPressed = `${state.beside !== "" && rowOf.has(Number(state.beside))}`;
  if (other !== undefined) button.textContent = `Drop image ${imageIds[other]}`;
  else button.textContent = button.ariaPressed === "true" ? "Kept: open another" : "Keep beside";
}

async function keepBeside() {
  state.beside = state.beside !== "" && rowOf.has(Number(state.beside)) ? "" : `${imageIds[openRow]}`;
  await openDossier(openRow);
  document.getElementById("beside").focus();
}

function suspicion(issue) {
  if (issue === 1) return "⚑ yes, by confident learning";
  return issue === 0 ? "no, by confident learning" : "not asked: its judges are too few or too weak";
}

async function factsOf(row) {
  const list = element("dl");
  const category = async (name) => (await column(name))(row);
  const facts = [
    ["Label", labelOf(row)],
    ["Runs most often say", await category("consensus")],
    ["Next likely", await category("second")],
    ["Kind", await category("kind")],
    ["Label suspect", suspicion((await column("cl_issue"))(row))],
    ["File", (await unpack("files"))[row]],
    ["Partition", (await category("partition")) || "none"],
  ];
  if (columns.get("source_split").values.length > 1) facts.splice(6, 0, ["Publisher's split", await category("source_split")]);
  if (columns.has("human_top") && (await category("human_top"))) facts.splice(2, 0, ["Most people say", await category("human_top")]);
  if (given.has(imageIds[row])) facts.splice(1, 0, ["Label as given", givenOf(row)]);
  for (const [name, text] of facts) list.append(element("dt", name), element("dd", text || "–"));
  return list;
}

async function openDossier(row) {
  openRow = row;
  state.image = `${imageIds[row]}`;
  writeAddress();
  const other = rowBeside(row);
  const shownRows = other === undefined ? [row] : [other, row];
  const first = other === undefined ? [enlarged(row, 288), await factsOf(row)] : [await sidesOf(shownRows)];
  const [runs, near, maps, scores] = await Promise.all([runsTable(row), nearest(row), mapsOf(row), scoresOf(shownRows)]);
  const verdict = await verdictOf(row); // last, for it may be given meanwhile
  if (openRow !== row) return; // another one was asked for meanwhile
  const top = element("div", "", "top");
  const beside = element("div", "", "near");
  beside.append(...near);
  top.append(...first, beside);
  showBeside(row);
  const note = "Answer with its probability, probability of the label (to 0.5 %), and the part the image played. A bar at the left marks runs that may judge it; only these count.";
  body.replaceChildren(verdict, top, section(`What each run says${shownRows.length > 1 ? ` of image ${imageIds[row]}` : ""}`, note, runs), ...maps, scores);
  document.getElementById("dossier-title").textContent = `Image ${imageIds[row]}: ${labelOf(row)}, ${captions.said(row)}`;
  const place = rows.indexOf(row);
  document.getElementById("previous").disabled = place <= 0;
  document.getElementById("next").disabled = place < 0 || place === rows.length - 1;
  if (!dossier.open) dossier.showModal();
  document.getElementById("close").focus();
  dossier.scrollTop = 0;
}

function step(by) {
  const place = rows.indexOf(openRow);
  if (place >= 0 && rows[place + by] !== undefined) openDossier(rows[place + by]);
}

document.getElementById("previous").addEventListener("click", () => step(-1));
document.getElementById("beside").addEventListener("click", keepBeside);
document.getElementById("next").addEventListener("click", () => step(1));
document.getElementById("close").addEventListener("click", () => dossier.close());
dossier.addEventListener("keydown", (event) => {
  if (event.target.closest(".scroll")) return; // there arrows scroll
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
  if (event.key === "s" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("select, input")) keepBeside();
});
dossier.addEventListener("click", (event) => {
  if (event.target === dossier) dossier.close(); // beside the dialog
});
dossier.addEventListener("close", () => {
  const place = rows.indexOf(openRow);
  openRow = null;
  state.image = "";
  writeAddress();
  focusCell(place < 0 ? active : place);
});
