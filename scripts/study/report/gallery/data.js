"use strict";
// The data of the page lies in script elements as base64; each is unpacked when it is first asked for.
const study = JSON.parse(document.getElementById("study").textContent);
const ARRAYS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };
const unpacked = new Map();

const parsed = new Promise((resolve) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", resolve);
  else resolve();
});

// Resolves to the element of a part; the program starts before all of them have been read.
async function partElement(name) {
  const found = document.getElementById(name);
  // An element counts as read when something follows it.
  if (found?.nextSibling) return found;
  await parsed;
  return document.getElementById(name);
}

function bytesOf(element) {
  const text = atob(element.textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

// Resolves to an array of numbers, or to a value, by the kind of the part.
function unpack(name) {
  if (!unpacked.has(name)) unpacked.set(name, partElement(name).then(unpackedFrom));
  return unpacked.get(name);
}

async function unpackedFrom(element) {
  const buffer = await inflated(bytesOf(element));
  const { kind } = element.dataset;
  return kind === "json" ? JSON.parse(new TextDecoder().decode(buffer)) : new ARRAYS[kind](buffer);
}

const columns = new Map(study.columns.map((column) => [column.name, column]));
const numbers = study.columns.filter((column) => column.kind === "number");

// Resolves to a function from a row to its value: a number or null, or the name of a category.
async function column(name) {
  const codes = await unpack(`column-${name}`);
  const { kind, values, low, step } = columns.get(name);
  if (kind === "category") return (row) => values[codes[row]];
  const nothing = 2 ** (8 * codes.BYTES_PER_ELEMENT) - 1;
  return (row) => (codes[row] === nothing ? null : low + step * codes[row]);
}

function shown(name, value) {
  if (value === null) return "–";
  if (columns.get(name).truth) return value ? "True" : "False";
  return value.toFixed(columns.get(name).decimals > 4 ? 4 : columns.get(name).decimals);
}

const blocks = Math.ceil(study.n / study.block);
const perRun = ["predicted", "confidence", "p_label", "roles"];

// Resolves to what all runs say of the images of a block: arrays of runs × images.
async function answers(block) {
  const arrays = await Promise.all(perRun.map((name) => unpack(`${name}-${block}`)));
  return Object.fromEntries(perRun.map((name, i) => [name, arrays[i]]));
}

function blockSize(block) {
  return Math.min(study.block, study.n - block * study.block);
}

// Not by the array's own map: its type holds codes, and numbers above them wrap around.
const imageIds = study.n ? Array.from(await unpack("column-image_id"), (code) => columns.get("image_id").low + code) : [];
const rowOf = new Map(imageIds.map((id, row) => [id, row]));
const extras = await unpack("extras");
const labelOf = study.n ? await column("class") : null;
