// Numbers and names as people read them.
"use strict";

const get = (id) => document.getElementById(id);

function count(value) {
  if (value === null || value === undefined) return "-";
  const units = ["", "k", "M", "G", "T", "P"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 10000 || (unit > 0 && scaled >= 1000)) {
    scaled /= 1000;
    unit += 1;
  }
  return (unit === 0 ? String(Math.round(scaled)) : scaled.toPrecision(3)) + units[unit];
}

function rate(value) {
  if (value === null || value === undefined) return "-";
  return value > 0 && value < 10 ? value.toFixed(1) : count(value);
}

function bytes(value) {
  if (value === null || value === undefined) return "-";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1024 && unit + 1 < units.length) {
    scaled /= 1024;
    unit += 1;
  }
  return (unit === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toPrecision(3)) + " " + units[unit];
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "-";
  if (seconds < 60) return seconds + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min " + (seconds % 60) + " s";
  if (seconds < 86400) return Math.floor(seconds / 3600) + " h " + Math.floor((seconds % 3600) / 60) + " min";
  return Math.floor(seconds / 86400) + " d " + Math.floor((seconds % 86400) / 3600) + " h";
}

function ago(seconds) {
  if (seconds === null || seconds === undefined) return "-";
  return seconds < 2 ? "now" : duration(seconds) + " ago";
}

// How a client writes the address of a key: class letter (and phase digit), then the text.
function addressOf(key) {
  if (!key) return "-";
  switch (key[0]) {
    case "M": return key.slice(2);
    case "L": return "_local/" + key.slice(1);
    case "T": return "_topo/0/all/" + key.slice(1);
    case "R": return "_topo/0/" + key.slice(1);
    default: return key;
  }
}

function element(name, attributes, text) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function drawing(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
