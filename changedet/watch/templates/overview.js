"use strict";
(() => {
  const table = document.getElementById("sites");
  if (!table) return;
  const body = table.tBodies[0];
  // the page is painted before its spots are drawn, and before its rows are looked up
  const draw = () => {
    const held = document.querySelector("noscript#spots");
    if (held) held.outerHTML = held.textContent;
  };
  requestAnimationFrame(() => setTimeout(draw, 0));
  let known = null;
  const rows = () => {
    if (known) return known;
    draw();
    const spots = new Map(Array.from(document.querySelectorAll("[data-site]"), (spot) => [spot.dataset.site, spot]));
    known = Array.from(body.rows).map((row, order) => ({
      row, order, state: row.dataset.state, text: `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase(),
      spot: spots.get(row.id.slice(5)),
    }));
    return known;
  };
  const form = document.getElementById("tools");
  const find = document.getElementById("find");
  const shown = document.getElementById("shown");
  const none = document.getElementById("none");
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());

  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const state = form.elements.state.value;
    let count = 0;
    for (const one of rows()) {
      const visible = (!state || one.state === state) && words.every((word) => one.text.includes(word));
      if (one.row.hidden === visible) {
        one.row.hidden = !visible;
        if (one.spot) one.spot.classList.toggle("off", !visible);
      }
      count += visible;
    }
    shown.textContent = count === rows().length ? "" : `${count} of ${rows().length} shown`;
    none.hidden = count > 0;
  };
  find.addEventListener("input", filter);
  form.addEventListener("change", filter);

  const NUMBERS = ["rank", "usable"];
  const heads = Array.from(table.tHead.rows[0].cells);
  const sort = (head, descending) => {
    const key = head.dataset.key;
    const number = NUMBERS.includes(key);
    const value = (one) => number ? Number(one.row.dataset[key]) : one.row.dataset[key];
    const sign = descending ? -1 : 1;
    rows().sort((a, b) => {
      const x = value(a), y = value(b);
      // what has no date stands last, whichever way
      if (!number && (x === "") !== (y === "")) return x === "" ? 1 : -1;
      return x < y ? -sign : x > y ? sign : a.order - b.order;
    });
    const all = document.createDocumentFragment();
    for (const one of rows()) all.append(one.row);
    body.append(all);
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  };
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const first = ["change", "image", "clear", "usable"].includes(head.dataset.key);
      sort(head, now === null ? first : now === "ascending");
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(input|textarea|select)$/i.test(document.activeElement.tagName)) {
      event.preventDefault();
      find.focus();
    }
    if (event.key === "Escape" && document.activeElement === find) {
      find.value = "";
      filter();
    }
  });
})();
