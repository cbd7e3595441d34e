"use strict";
for (const table of document.querySelectorAll("table.sorted")) {
  const rows = [...table.tBodies[0].rows];
  const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const order = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === ""); // what is unknown comes last
    return a === b ? 0 : isNaN(a - b) ? a.localeCompare(b) : a - b;
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down === 1 ? "ascending" : "descending");
      const known = rows.filter((row) => value(row, column) !== "");
      known.sort((a, b) => down * order(value(a, column), value(b, column)));
      table.tBodies[0].append(...known, ...rows.filter((row) => value(row, column) === ""));
    });
  });
  const filter = document.querySelector(`input[data-filters="${table.id}"]`);
  filter.closest("p").hidden = false;
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      row.hidden = !words.every((word) => row.dataset.words.toLowerCase().includes(word));
    }
  });
}
