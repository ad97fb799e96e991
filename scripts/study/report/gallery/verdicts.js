// What the reader says of images. It is kept in the browser, saved as verdicts.csv and read again.
const VERDICTS = { fine: "✓ fine", "wrong label": "✗ wrong label", ambiguous: "? ambiguous", "leave out": "− leave out" };
const VERDICT_KEYS = { f: "fine", w: "wrong label", a: "ambiguous", x: "leave out", u: "" };
const VERDICT_COLUMNS = ["image_id", "file", "sha256", "verdict", "label", "who", "when"];
const STORED = `verdicts ${study.digest}`;
const who = document.getElementById("who");
const verdictBar = document.getElementById("verdicts");
const verdicts = new Map();
// Lines on images that are not listed here, such as those left out before, and of further people on
// images that are; they are saved again.
let elsewhere = [];

// A page from disk may have no store; then verdicts last until it is closed.
function stored(change) {
  try {
    return change(localStorage);
  } catch {
    return null;
  }
}

function keepVerdicts() {
  stored((store) => store.setItem(STORED, JSON.stringify({ who: who.value, verdicts: [...verdicts], elsewhere })));
  const others = elsewhere.length ? `, and ${elsewhere.length} that are not shown here` : "";
  document.getElementById("n-verdicts").textContent = `${verdicts.size} marked${others}`;
  document.getElementById("save").disabled = !verdicts.size && !elsewhere.length;
}

function setVerdict(row, verdict, label = "") {
  if (verdict) verdicts.set(imageIds[row], { verdict, label: verdict === "wrong label" ? label : "", when: new Date().toISOString().slice(0, 19) + "Z" });
  else verdicts.delete(imageIds[row]);
  keepVerdicts();
  markCell(row);
}

function markOf(row) {
  const said = verdicts.get(imageIds[row]);
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
  const [choice, right] = [element("select"), element("select")];
  choice.append(new Option("–", ""), ...Object.entries(VERDICTS).map(([value, text]) => new Option(text, value)));
  const said = verdicts.get(imageIds[row]);
  // A label that was corrected already is what the verdict says.
  right.append(...study.classes.filter((name) => name !== labelOf(row) || name === said?.label).map((name) => new Option(name, name)));
  [choice.ariaLabel, right.ariaLabel] = ["Your verdict", "The right label"];
  choice.value = said?.verdict ?? "";
  right.value = said?.label || (await likelyLabel(row));
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

async function saveVerdicts() {
  const [files, digests] = await Promise.all([unpack("files"), unpack("sha256")]);
  const name = who.value.trim().replace(/^[=+\-@\t]/, "'$&"); // nothing that a spreadsheet computes
  const lines = [...verdicts].sort(([a], [b]) => a - b).map(([id, { verdict, label, person, when }]) => {
    const row = rowOf.get(id);
    return [`${id}`, files[row], digests[row], verdict, label, person ?? name, when];
  });
  lines.push(...elsewhere.map((line) => VERDICT_COLUMNS.map((key) => line[key] ?? "")));
  const text = [VERDICT_COLUMNS, ...lines].map((cells) => cells.map(csvCell).join(",") + "\r\n").join("");
  const link = element("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  link.download = "verdicts.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
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
  const strange = await takeLines(lines.map((cells) => Object.fromEntries(head.map((key, i) => [key, cells[i] ?? ""]))));
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

// Takes in lines of a table of verdicts; resolves to how many make no sense here. What the first person says of an image is shown.
async function takeLines(lines) {
  const find = await rowOfLine();
  const firstOf = new Map();
  let strange = 0;
  for (const line of lines) {
    const { file, verdict, label = "", who: person = "", when } = line;
    const row = find(line);
    const isLabel = verdict === "wrong label";
    who.value ||= person;
    if (!file || !Object.hasOwn(VERDICTS, verdict) || (isLabel && !study.classes.includes(label))) strange++;
    else if (row !== undefined && (firstOf.get(row) ?? person) === person) {
      firstOf.set(row, person);
      verdicts.set(imageIds[row], { verdict, label: isLabel ? label : "", person: person === who.value ? undefined : person, when });
    } else elsewhere = [...elsewhere.filter((other) => other.file !== file || other.image_id !== line.image_id || other.who !== line.who), line];
  }
  return strange;
}

async function startVerdicts() {
  const kept = JSON.parse(stored((store) => store.getItem(STORED)) ?? "null");
  for (const [id, said] of kept?.verdicts ?? []) if (rowOf.has(id)) verdicts.set(id, said);
  elsewhere = kept?.elsewhere ?? [];
  who.value = kept?.who ?? "";
  if (!kept) await takeLines(await unpack("corrections")); // whoever goes on corrects the rest
  keepVerdicts();
  verdictBar.hidden = false;
  who.addEventListener("input", keepVerdicts);
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
      if (openRow === marked) body.querySelector(".verdict").replaceWith(await verdictOf(marked));
    });
  }
}
