"use strict";
const frames = [...document.querySelectorAll("svg.f")].map((node) => ({
  node,
  x: Number(node.dataset.x),
  width: Number(node.dataset.w),
  depth: Number(node.dataset.d),
  name: node.querySelector("text").textContent.toLowerCase(),
}));

// Makes one function fill the width: those that it has called grow with it, its callers fill the width too.
function zoom(to) {
  for (const it of frames) {
    const inside = it.depth >= to.depth && it.x >= to.x - 1e-3 && it.x + it.width <= to.x + to.width + 1e-3;
    const above = it.depth < to.depth && it.x <= to.x + 1e-3 && it.x + it.width >= to.x + to.width - 1e-3;
    it.node.classList.toggle("gone", !inside && !above);
    it.node.classList.toggle("above", above);
    it.node.setAttribute("x", above ? "0%" : `${(100 * (it.x - to.x)) / to.width}%`);
    it.node.setAttribute("width", above ? "100%" : `${(100 * it.width) / to.width}%`);
  }
}

// Marks the functions whose names have the text, and says which part of the whole is in them.
function find(text) {
  const wanted = text.trim().toLowerCase();
  const hits = frames.filter((it) => {
    const hit = wanted !== "" && it.name.includes(wanted);
    it.node.classList.toggle("hit", hit);
    return hit;
  });
  // Those within another one count once.
  const outermost = hits.filter((it) => !hits.some((other) =>
    other.depth < it.depth && other.x <= it.x + 1e-3 && other.x + other.width >= it.x + it.width - 1e-3));
  const part = outermost.reduce((sum, it) => sum + it.width, 0);
  document.getElementById("found").textContent = wanted === "" ? "" : `${part.toFixed(2)} % in ${hits.length} places`;
}

for (const it of frames) {
  it.node.addEventListener("click", () => zoom(it));
  it.node.addEventListener("keydown", (event) => {
    if (event.key === "Enter") zoom(it);
    if (event.key === "Escape") zoom(frames[0]);
  });
}
const field = document.getElementById("find");
field.addEventListener("input", () => find(field.value));
