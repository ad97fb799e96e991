// Images lie side by side in sheets. Few decoded sheets are kept.
const KEPT = 96;
const sheets = new Map();

function sheetOf(number) {
  let sheet = sheets.get(number);
  sheets.delete(number);
  sheet ??= partElement(`sheet-${number}`).then((element) => createImageBitmap(new Blob([bytesOf(element)], { type: "image/webp" })));
  sheets.set(number, sheet);
  // The oldest is let go; what is being drawn from it still holds it.
  if (sheets.size > KEPT) sheets.delete(sheets.keys().next().value);
  return sheet;
}

// Returns a canvas on which the image appears: position n and beyond are images that are not listed.
function thumbnail(position, size) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [study.width, study.height];
  const scale = enlargement(size);
  canvas.style.width = `${study.width * scale}px`;
  canvas.style.height = `${study.height * scale}px`;
  canvas.setAttribute("aria-hidden", "true");
  const [number, place] = [Math.floor(position / study.block), position % study.block];
  const { columns } = study.thumbnails;
  const [x, y] = [study.width * (place % columns), study.height * Math.floor(place / columns)];
  canvas.drawn = sheetOf(number).then((sheet) => {
    canvas.getContext("2d").drawImage(sheet, x, y, study.width, study.height, 0, 0, study.width, study.height);
  });
  return canvas;
}

// Whole numbers keep the pixels square and equal; only images larger than their place are shrunk.
function enlargement(size) {
  const scale = size / Math.max(study.width, study.height);
  return scale >= 1 ? Math.floor(scale) : scale;
}
