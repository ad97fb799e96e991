// What the reader says of images. It is kept in the browser, saved as verdicts.csv and read again.
const VERDICTS = { fine: "✓ fine", "wrong label": "✗ wrong label", ambiguous: "? ambiguous", "leave out": "− leave out" };
const VERDICT_KEYS = { f: "fine", w: "wrong label", a: "ambiguous", x: "leave out", u: "" };
const VERDICT_COLUMNS = ["image_id", "file", "sha256", "verdict", "label", "who", "when"];
const STORED = `verdicts ${study.data_digest}`;
const who = document.getElementById("who");
const verdictBar = document.getElementById("verdicts");
// Shown where the browser did not keep what was said last.
const notKept = document.getElementById("not-kept");
// The labels that images were given, of those whose label was corrected. A verdict is about that label,
// which it corrects; what is shown and pressed is about the label that the image has now.
const given = new Map(await unpack("given"));
// By image_id; `who` is missing where a mark was made before a name was typed. `saved` is true of what a file has.
const verdicts = new Map();
// Lines on images that are not listed here, such as those left out before, and of further people on
// images that are; they are saved again.
const elsewhere = new Map();
// Digests of the tables that were taken in, of this gallery and of others of the same images.
const taken = new Set();

// A page may have no store, or a full one; then verdicts last until it is closed.
function stored(change) {
  try {
    return change(localStorage);
  } catch {
    return null;
  }
}

async function keepVerdicts() {
  const others = elsewhere.size ? `, and ${elsewhere.size} that are not shown here` : "";
  document.getElementById("n-verdicts").textContent = `${verdicts.size} marked${others}`;
  document.getElementById("save").disabled = !verdicts.size && !elsewhere.size;
  const lines = await verdictLines();
  const kept = stored((store) => store.setItem(STORED, JSON.stringify({ who: who.value, lines, taken: [...taken] })));
  notKept.hidden = kept !== null;
}

const hasUnsaved = () => [...verdicts.values(), ...elsewhere.values()].some((said) => !said.saved);

// The reader's name, as it is saved: nothing that a spreadsheet computes.
function myName() {
  return who.value.trim().replace(/^[=+\-@\t]/, "'$&");
}

// What tells the lines of `elsewhere` apart: a person says one thing of an image.
function keyOf({ file, image_id: id, who: person }, listed) {
  return JSON.stringify([listed ?? [file, id], person ?? myName()]);
}

const givenOf = (row) => given.get(imageIds[row]) ?? labelOf(row);

// A verdict on one label of an image in words on another: "wrong label" of one may be "fine" of the other.
function restated({ verdict, label }, from, to) {
  if (verdict !== "fine" && verdict !== "wrong label") return { verdict, label: "" };
  const right = verdict === "fine" ? from : label;
  return right === to ? { verdict: "fine", label: "" } : { verdict: "wrong label", label: right };
}

function setVerdict(row, verdict, label) {
  const [id, name] = [imageIds[row], myName()];
  const said = restated({ verdict, label }, labelOf(row), givenOf(row));
  if (verdict) {
    verdicts.set(id, { ...said, who: name || undefined, when: new Date().toISOString().slice(0, 19) + "Z" });
    elsewhere.delete(keyOf({ who: name }, id));
  } else {
    // Nothing is to be said of the image: there is no other way to remove another person's line.
    verdicts.delete(id);
    for (const key of elsewhere.keys()) if (JSON.parse(key)[0] === id) elsewhere.delete(key);
  }
  keepVerdicts();
  markCell(row);
}

// What is said of the label that an image has now; undefined for nothing.
function saidNow(row) {
  const said = verdicts.get(imageIds[row]);
  return said && restated(said, givenOf(row), labelOf(row));
}

function markOf(row) {
  const said = saidNow(row);
  if (said?.verdict === "fine" && given.has(imageIds[row])) return `✓ is ${labelOf(row)}`;
  return said ? (said.label ? `✗ is ${said.label}` : VERDICTS[said.verdict]) : "";
}

function markCell(row) {
  const place = rows.indexOf(row);
  const old = cellAt(place);
  if (!old) return;
  const focused = old === document.activeElement;
  const made = cell(place);
  old.replaceWith(made);
  if (focused) made.focus({ preventScroll: true });
}

// The class that a label most likely should be: the wrong one that runs say most often, or the next likely one.
async function likelyLabel(row) {
  for (const name of ["other_class", "second"]) {
    const said = (await column(name))(row);
    if (said && said !== labelOf(row)) return said;
  }
  return study.classes.find((name) => name !== labelOf(row));
}

async function verdictByKey(row, key) {
  const verdict = VERDICT_KEYS[key];
  setVerdict(row, verdict, verdict === "wrong label" ? await likelyLabel(row) : "");
}

async function verdictOf(row) {
  const likely = await likelyLabel(row);
  const [choice, right] = [element("select"), element("select")];
  choice.append(new Option("–", ""), ...Object.entries(VERDICTS).map(([value, text]) => new Option(text, value)));
  const said = saidNow(row);
  right.append(...study.classes.filter((name) => name !== labelOf(row)).map((name) => new Option(name, name)));
  [choice.ariaLabel, right.ariaLabel] = ["Your verdict", "The right label"];
  choice.value = said?.verdict ?? "";
  right.value = said?.label || likely;
  right.hidden = choice.value !== "wrong label";
  const line = element("p", "Your verdict ", "verdict");
  line.append(choice, " ", right);
  line.addEventListener("change", () => {
    right.hidden = choice.value !== "wrong label";
    setVerdict(row, choice.value, right.value);
  });
  return line;
}

function csvCell(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// Resolves to the lines of verdicts.csv; those of a reader without a name have no `who`.
async function verdictLines() {
  const [files, digests] = await Promise.all([unpack("files"), unpack("sha256")]);
  const marked = [...verdicts].sort(([a], [b]) => a - b).map(([id, said]) => {
    const row = rowOf.get(id);
    return { image_id: `${id}`, file: files[row], sha256: digests[row], ...said };
  });
  return [...marked, ...elsewhere.values()];
}

async function saveVerdicts() {
  const lines = (await verdictLines()).map((line) => VERDICT_COLUMNS.map((key) => line[key] ?? (key === "who" ? myName() : "")));
  const text = [VERDICT_COLUMNS, ...lines].map((cells) => cells.map(csvCell).join(",") + "\r\n").join("");
  const link = element("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  link.download = "verdicts.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  for (const said of [...verdicts.values(), ...elsewhere.values()]) said.saved = true;
  keepVerdicts();
}

// The rows of a table, with or without quotes. Some spreadsheets separate by semicolons or tabs; the header tells.
function parsedCsv(text) {
  const [lines, mark] = [[[""]], text.match(/[,;\t]/)?.[0] ?? ","];
  const parts = new RegExp(`"((?:[^"]|"")*)"|([^"${mark}\r\n]+)|(${mark}|\r?\n)`, "g");
  for (const [, quoted, plain, end] of text.replace(/^\ufeff/, "").matchAll(parts)) {
    if (end === mark) lines.at(-1).push("");
    else if (end) lines.push([""]);
    else lines.at(-1)[lines.at(-1).length - 1] += quoted?.replaceAll('""', '"') ?? plain;
  }
  return lines.filter((cells) => cells.length > 1 || cells[0]);
}

async function loadVerdicts(file) {
  const [head = [], ...lines] = parsedCsv(await file.text());
  const missing = ["file", "verdict"].filter((name) => !head.includes(name));
  if (missing.length) {
    keepVerdicts();
    document.getElementById("n-verdicts").textContent += `; ${file.name} is no table of verdicts: its first line lacks ${missing.join(" and ")}`;
    return;
  }
  const strange = await takeLines(lines.map((cells) => Object.fromEntries(VERDICT_COLUMNS.map((key) => [key, cells[head.indexOf(key)] ?? ""]))));
  keepVerdicts();
  layOut();
  document.getElementById("n-verdicts").textContent += strange ? `; lines without a verdict or class of this study: ${strange}` : "";
}

// A function that resolves which listed image a line is about. Two may have one file, or one of them is not listed;
// then the picture tells, else the image_id. Where it cannot be told, the line is kept as one of an image elsewhere.
async function rowOfLine() {
  const [files, digests] = await Promise.all([unpack("files"), unpack("sha256")]);
  const named = new Map();
  files.forEach((name, row) => named.set(name, [...(named.get(name) ?? []), row]));
  return ({ file, image_id: id = "", sha256: digest = "" }) => {
    const alike = named.get(file) ?? [];
    const same = alike.filter((row) => digests[row] === digest);
    const byId = alike.find((row) => `${imageIds[row]}` === id);
    return same.length === 1 ? same[0] : (byId ?? (alike.length === 1 && !digest ? alike[0] : undefined));
  };
}

// Takes in lines of a table of verdicts; resolves to how many make no sense here. What the first person says of an image is shown,
// and nothing that another person says replaces it. Of two lines of one person the newer counts.
async function takeLines(lines) {
  const find = await rowOfLine();
  let strange = 0;
  for (const line of lines) {
    const { file, verdict, label, who: person, when, saved } = line;
    const id = imageIds[find(line)];
    const isLabel = verdict === "wrong label";
    if (!file || !Object.hasOwn(VERDICTS, verdict) || (isLabel && !study.classes.includes(label))) {
      strange++;
      continue;
    }
    const shown = verdicts.get(id);
    const another = id === undefined || (shown && (shown.who ?? myName()) !== (person ?? myName()));
    const before = another ? elsewhere.get(keyOf(line, id)) : shown;
    if (when && before?.when > when) continue;
    if (another) elsewhere.set(keyOf(line, id), line);
    else verdicts.set(id, { verdict, label: isLabel ? label : "", who: person, when, saved });
  }
  return strange;
}

// Resolves to the kept lines without those that somebody took out of the file. They were saved, and the new table lacks
// them, though it has lines on their images.
async function withoutRemoved(lines, table) {
  const find = await rowOfLine();
  const key = (line, person = line.who) => keyOf({ ...line, who: person }, imageIds[find(line)]);
  const there = new Set(table.map((line) => key(line)));
  const images = new Set(table.map((line) => key(line, "")));
  return lines.filter((line) => !line.saved || there.has(key(line)) || !images.has(key(line, "")));
}

async function startVerdicts() {
  const kept = JSON.parse(stored((store) => store.getItem(STORED)) ?? "null");
  who.value = kept?.who ?? "";
  // Galleries of before kept one digest, as a text.
  for (const digest of [kept?.taken ?? []].flat()) taken.add(digest);
  // Whoever goes on marks the rest. A table is taken in once, so that what is unmarked here stays so.
  const isNew = !taken.has(study.verdicts_digest);
  const table = isNew ? (await unpack("verdict-lines")).map((line) => ({ ...line, saved: true })) : [];
  taken.add(study.verdicts_digest);
  const lines = [...(await withoutRemoved(kept?.lines ?? [], table)), ...table];
  if (lines.length) await takeLines(lines);
  keepVerdicts();
  verdictBar.hidden = false;
  who.addEventListener("input", keepVerdicts);
  window.addEventListener("beforeunload", (event) => !notKept.hidden && hasUnsaved() && event.preventDefault());
  document.getElementById("save").addEventListener("click", saveVerdicts);
  document.getElementById("load").addEventListener("change", async (event) => {
    if (event.target.files.length) await loadVerdicts(event.target.files[0]);
    event.target.value = "";
  });
  for (const [place, row] of [[grid, () => rows[active]], [dossier, () => openRow]]) {
    place.addEventListener("keydown", async (event) => {
      if (!(event.key in VERDICT_KEYS) || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input")) return;
      event.preventDefault();
      const marked = row();
      await verdictByKey(marked, event.key);
      const made = await verdictOf(marked);
      // Where the image is still being opened there is no line yet; it will be the one of this verdict.
      if (openRow === marked) body.querySelector(".verdict")?.replaceWith(made);
    });
  }
}
