
(() => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const { fields, size, verdicts, texts, rows } = JSON.parse(at("Data").textContent);
  const body = document.querySelector("#Rows tbody");
  if (!body) return;
  const form = at("Search"), template = at("Row").content.firstElementChild;
  const place = Object.fromEntries(fields.map((field, number) => [field, number]));
  const lower = texts.map((text) => text.toLowerCase());
  let found = rows, first = 0;

  const filled = (row) => {
    const line = template.cloneNode(true);
    for (const slot of line.querySelectorAll("[data-slot]")) {
      const field = slot.dataset.slot, text = texts[row[place[field]]];
      slot.removeAttribute("data-slot");
      if (field === "verdict") {
        slot.classList.add(text || "note");
        slot.textContent = verdicts[text];
      } else if (text) {
        slot.textContent = text;
      } else {
        slot.remove();
      }
      if (field === "name" && texts[row[place.link]]) slot.setAttribute("href", texts[row[place.link]]);
    }
    return line;
  };

  const show = () => {
    const page = found.slice(first, first + size), number = (value) => value.toLocaleString("en");
    body.replaceChildren(...page.map(filled));
    at("Found").textContent = page.length
      ? `${number(first + 1)} to ${number(first + page.length)} of ${number(found.length)}` +
        (found.length < rows.length ? ` that match; ${number(rows.length)} in all` : "")
      : "None matches: take a word away.";
    at("Newer").disabled = first === 0;
    at("Older").disabled = first + size >= found.length;
  };

  const search = () => {
    const words = at("Words").value.toLowerCase().split(/\s+/).filter(Boolean), verdict = at("Verdict").value;
    found = rows.filter((row) =>
      (verdict === "*" || texts[row[place.verdict]] === verdict) &&
      words.every((word) => row.some((text) => lower[text].includes(word))));
    first = 0;
    show();
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  at("Words").addEventListener("input", search);
  at("Verdict").addEventListener("change", search);
  for (const [id, step] of [["Newer", -size], ["Older", size]]) {
    at(id).addEventListener("click", () => { first += step; show(); at("All").scrollIntoView(); });
  }
  search();
})();
