// Which images are shown, in which order. The state is what the address holds.
const NOTHING = {
  find: "", sort: "hardness", order: "", class: "", consensus: "", kind: "", source_split: "", partition: "", min: "", max: "",
  cl_issue: "", near_duplicate_other_label: "", maps: "", marked: "", area: "", model: "", combo: "", as: "", image: "", beside: "",
};
const state = { ...NOTHING };

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const key in NOTHING) state[key] = given.get(key) ?? NOTHING[key];
  if (columns.get(state.sort)?.kind !== "number") state.sort = NOTHING.sort;
}

function writeAddress() {
  const changed = Object.entries(state).filter(([key, value]) => value !== NOTHING[key]);
  const hash = new URLSearchParams(changed).toString();
  if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

// Resolves to the rows that numbers name, and the numbers that name none. A number is an image_id, or a file without its
// folders and ending. What is no number is part of a file's name.
async function named() {
  if (!/^[\d\s,;]*\d[\d\s,;]*$/.test(state.find)) return { found: [], absent: [] };
  const stems = (await unpack("files")).map((file) => file.replace(/^.*\//, "").replace(/\.[^.]*$/, ""));
  const each = [...new Set(state.find.split(/[^0-9]+/).filter(Boolean))].map((number) => {
    const rows = [...stems.keys()].filter((row) => stems[row] === number || `${imageIds[row]}` === number);
    return [number, rows];
  });
  const absent = each.filter(([, rows]) => !rows.length).map(([number]) => number);
  return { found: [...new Set(each.flatMap(([, rows]) => rows))], absent };
}

// Marks the images that some run gets wrong which may judge them: of the model, on the combo, as the class asked for.
async function misclassified() {
  const runs = study.runs.map((run, i) => [run, i])
    .filter(([run]) => (!state.model || run.model === state.model) && (!state.combo || run.combo === state.combo))
    .map(([, i]) => i);
  const as = state.as === "" ? -1 : study.classes.indexOf(state.as);
  const numberOf = new Map(study.classes.map((name, number) => [name, number]));
  const marks = new Uint8Array(study.n);
  await Promise.all(Array.from({ length: blocks }, async (_, block) => {
    const [predicted, roles] = await Promise.all([unpack(`predicted-${block}`), unpack(`roles-${block}`)]);
    const size = blockSize(block);
    for (let i = 0; i < size; i++) {
      const row = block * study.block + i;
      const label = numberOf.get(labelOf(row));
      marks[row] = runs.some((run) => {
        const said = predicted[run * size + i];
        return roles[run * size + i] >= study.may_judge && said !== label && (as < 0 || said === as);
      });
    }
  }));
  return marks;
}

// Resolves to the rows to show, whether numbers name them, and the numbers that name none.
async function selected() {
  const { found, absent } = await named();
  return found.length ? { found, byNumber: true, absent } : { found: await filtered(), byNumber: false, absent };
}

// Resolves to the rows that the filters keep. The rows are stored hardest first, which decides between equal values.
async function filtered() {
  let rows = Array.from({ length: study.n }, (_, row) => row);
  if (state.find) {
    const [files, text] = [await unpack("files"), state.find.toLowerCase()];
    rows = rows.filter((row) => files[row].toLowerCase().includes(text));
  }
  for (const name of ["class", "consensus", "kind", "source_split", "partition"]) {
    if (state[name] === "") continue;
    const value = await column(name);
    rows = rows.filter((row) => value(row) === state[name]);
  }
  for (const name of ["cl_issue", "near_duplicate_other_label"]) {
    if (!state[name]) continue;
    const flag = await column(name);
    rows = rows.filter((row) => flag(row) === 1);
  }
  if (state.min !== "" || state.max !== "") {
    const hardness = await column("hardness");
    const [least, most] = [state.min === "" ? -Infinity : Number(state.min), state.max === "" ? Infinity : Number(state.max)];
    rows = rows.filter((row) => hardness(row) !== null && hardness(row) >= least && hardness(row) <= most);
  }
  rows = await inArea(rows);
  if (state.marked) rows = rows.filter((row) => verdicts.has(imageIds[row]));
  if (state.maps) {
    const mapped = new Set(study.maps.flatMap((maps) => maps.image_ids));
    rows = rows.filter((row) => mapped.has(imageIds[row]));
  }
  if (state.model || state.combo || state.as) {
    const marks = await misclassified();
    rows = rows.filter((row) => marks[row]);
  }
  const value = await column(state.sort);
  const sign = state.order === "up" ? 1 : -1;
  const keys = Float64Array.from({ length: study.n }, (_, row) => value(row) ?? NaN);
  const difference = (a, b) => {
    if (Number.isNaN(keys[a]) || Number.isNaN(keys[b])) return Number.isNaN(keys[a]) - Number.isNaN(keys[b]);
    return sign * (keys[a] - keys[b]);
  };
  return rows.sort(difference);
}
