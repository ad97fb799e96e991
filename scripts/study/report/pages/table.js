"use strict";
// Sorts, filters and copies the page's table. Without it the table is there all the same.
(() => {
  const table = document.querySelector("table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];
  const byId = (id) => document.getElementById(id);

  // Laying out thousands of rows takes a while, so a long table begins with its first rows; the rest is there for the asking.
  const most = 500;
  let drawn = most;
  let order = rows;
  let matching = new Set(rows);
  const chosenRows = () => order.filter((row) => matching.has(row));

  function draw() {
    const shown = new Set(chosenRows().slice(0, drawn));
    for (const row of rows) row.hidden = !shown.has(row);
    byId("count").value = matching.size === rows.length ? `${rows.length} rows` : `${matching.size} of ${rows.length} rows`;
    byId("more").hidden = matching.size <= drawn;
    byId("more").textContent = `First ${drawn}. Show all ${matching.size}`;
    tellOfColumns();
  }

  // A scroll bar at the bottom of a long table is out of sight.
  function tellOfColumns() {
    byId("beyond").hidden = scrollX + innerWidth > document.documentElement.scrollWidth - 8;
  }

  for (const event of ["scroll", "resize"]) addEventListener(event, tellOfColumns);

  function drawAll() {
    drawn = Infinity;
    draw();
  }

  byId("more").addEventListener("click", drawAll);
  addEventListener("beforeprint", drawAll);

  // What a cell stands for: the number in full precision where it is shown rounded; nothing where it is missing.
  const exact = (cell) => cell.dataset.value ?? cell.textContent;
  const names = heads.map((head) => head.textContent);

  // Sorting: numbers as numbers, with a unit behind them too; missing values last, whichever way.
  const collator = new Intl.Collator("en", { numeric: true });
  const quantity = /^([+−-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)\s*(?:%|[a-z]+)?$/i;

  function number(text) {
    const found = text.match(quantity);
    return found ? Number(found[1].replaceAll(",", "").replace("−", "-")) : NaN;
  }

  function sortKeys(column) {
    const texts = rows.map((row) => exact(row.cells[column]));
    const numbers = texts.map(number);
    const numeric = texts.every((text, i) => text === "" || !Number.isNaN(numbers[i]));
    return new Map(rows.map((row, i) => [row, texts[i] === "" ? null : numeric ? numbers[i] : texts[i]]));
  }

  function sort(column) {
    const head = heads[column];
    const next = { none: "ascending", ascending: "descending", descending: "none" }[head.ariaSort ?? "none"];
    heads.forEach((other) => other.ariaSort !== null && (other.ariaSort = "none"));
    head.ariaSort = next;
    order = [...rows];
    if (next !== "none") {
      const keys = sortKeys(column);
      const sign = next === "ascending" ? 1 : -1;
      order.sort((a, b) => {
        const [x, y] = [keys.get(a), keys.get(b)];
        if (x === null || y === null) return (x === null) - (y === null);
        return sign * (typeof x === "number" ? x - y : collator.compare(x, y));
      });
    }
    draw();
    body.replaceChildren(...order);
  }

  heads.forEach((head, column) => {
    if (head.classList.contains("image")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.title = [head.title, "Click to sort: up, down, as before."].join(" ").trim();
    button.textContent = names[column];
    button.addEventListener("click", () => sort(column));
    head.replaceChildren(button);
    head.ariaSort = "none";
  });

  // Filtering: all words somewhere in the row, and the chosen value in each column with a choice.
  const shownText = new Map(rows.map((row) => [row, [...row.cells].map((cell) => cell.textContent).join("\t").toLowerCase()]));
  const choices = [];

  function filter() {
    const words = byId("filter").value.toLowerCase().split(/\s+/);
    const chosen = choices.filter(([, select]) => select.selectedIndex > 0);
    matching = new Set(
      rows.filter(
        (row) =>
          words.every((word) => shownText.get(row).includes(word)) &&
          chosen.every(([column, select]) => row.cells[column].textContent === select.selectedOptions[0].text),
      ),
    );
    draw();
  }

  heads.forEach((head, column) => {
    if (!("choose" in head.dataset)) return;
    const select = document.createElement("select");
    select.add(new Option("all"));
    for (const value of new Set(rows.map((row) => row.cells[column].textContent))) select.add(new Option(value));
    select.addEventListener("change", filter);
    const label = document.createElement("label");
    label.append(names[column], select);
    byId("choices").append(label);
    choices.push([column, select]);
  });
  byId("filter").addEventListener("input", filter);
  byId("tools").addEventListener("submit", (event) => event.preventDefault());

  // Copying the rows that match, in the order shown.
  const latexNames = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\textless{}",
    ">": "\\textgreater{}", "|": "\\textbar{}" };
  const escapes = {
    csv: (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text),
    markdown: (text) => text.replace(/[\\|*_`<>[\]]/g, "\\$&"),
    latex: (text) => text.replace(/[\\~^<>|&%$#_{}]/g, (sign) => latexNames[sign] ?? `\\${sign}`),
  };

  function written(format) {
    const columns = heads.map((_, column) => column).filter((column) => !heads[column].classList.contains("image"));
    const read = format === "csv" ? exact : (cell) => cell.textContent;
    const line = (cells) => cells.map(escapes[format]);
    const first = line(columns.map((column) => names[column]));
    const lines = chosenRows().map((row) => line(columns.map((column) => read(row.cells[column]))));
    const right = columns.map((column) => heads[column].classList.contains("number"));
    if (format === "csv") return [first, ...lines].map((cells) => `${cells.join(",")}\n`).join("");
    if (format === "markdown") {
      const rule = right.map((isRight) => (isRight ? "---:" : "---"));
      return [first, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
    }
    const tabular = (cells) => `${cells.join(" & ")} \\\\\n`;
    return (
      `\\begin{tabular}{${right.map((isRight) => (isRight ? "r" : "l")).join("")}}\n\\toprule\n${tabular(first)}\\midrule\n` +
      `${lines.map(tabular).join("")}\\bottomrule\n\\end{tabular}\n`
    );
  }

  async function toClipboard(text) {
    // Frames, such as those of a report, are denied the clipboard; asking anyway would only leave an error in the console.
    const allowed = document.featurePolicy?.allowsFeature("clipboard-write") ?? true;
    if (allowed && navigator.clipboard) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        // Denied by the user or the browser: the older way may still work.
      }
    }
    const dialog = byId("by-hand");
    const area = dialog.querySelector("textarea");
    area.value = text;
    dialog.showModal();
    area.select();
    const copied = document.execCommand("copy");
    if (copied) dialog.close();
    return copied;
  }

  byId("copy").addEventListener("click", async (event) => {
    const format = event.target.dataset.format;
    if (!format) return;
    const copied = await toClipboard(written(format));
    if (!copied) return;
    event.target.focus();
    byId("message").value = `Copied ${matching.size} rows as ${event.target.textContent}`;
    setTimeout(() => (byId("message").value = ""), 4000);
  });

  filter();
  byId("tools").hidden = false;
})();
