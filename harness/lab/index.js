// The runs that are kept, and the notebooks: choose a run, and open a notebook on it.

const SHOWN_MAX = 20;

function render({ model, el }) {
  const runs = model.get("runs");
  const group = `run-${Math.random()}`; // radio buttons of another index in the same page are not these
  let chosen = runs.length ? runs[0].path : null;

  const root = element("section", { className: "harness-lab", "aria-label": "Runs and notebooks" });
  keepKeys(root);
  const search = element("input", { type: "search", placeholder: "scenario, chain, verdict, date …", "aria-label": "Search the runs", oninput: list });
  const told = element("p", { className: "soft", role: "status", "aria-live": "polite" });
  const rows = element("tbody");
  const table = element("table", { className: "runs" },
    element("thead", {}, element("tr", {}, ...["choose", "began (UTC)", "verdict", "scenario", "chain", "engine", "page"].map((name) => element("th", { scope: "col", textContent: name })))), rows);
  const heading = element("h2");
  const books = element("ul", { className: "books" });
  const others = element("ul", { className: "books" });
  const wrong = element("p", { className: "wrong", role: "alert" });
  root.append(element("h2", { textContent: "1. Choose a run" }), search, table, told, heading, books, wrong,
    element("h2", { textContent: "Not about one run" }), others);
  el.append(root);

  function serverRoot() {
    const config = document.getElementById("jupyter-config-data");
    return config ? JSON.parse(config.textContent).serverRoot || "." : ".";
  }

  function ask(content) {
    model.send({ ...content, root: serverRoot() });
  }

  function opener(text, content) {
    return element("button", { type: "button", textContent: text, onclick: () => ask(content()) });
  }

  function list() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = runs.filter((run) => words.every((word) => Object.values(run).join(" ").toLowerCase().includes(word)));
    rows.replaceChildren(...found.slice(0, SHOWN_MAX).map(row));
    const more = found.length - SHOWN_MAX;
    const left = model.get("left_out");
    told.textContent = runs.length === 0
      ? `No run is kept in ${model.get("folder")} yet. In a terminal: harness run scenarios/primary-429.yaml --engine sim`
      : `${found.length} of ${runs.length} runs${more > 0 ? `, the newest ${SHOWN_MAX} shown` : ""}${left ? `; ${left} older ones: harness runs` : ""}`;
  }

  function row(run) {
    const pick = element("input", { type: "radio", name: group, value: run.path, checked: run.path === chosen, "aria-label": `${run.scenario}, ${run.began}`, onchange: () => choose(run.path) });
    const glyph = { pass: "✓", fail: "✗", inconclusive: "?" }[run.verdict] || "";
    const cells = [pick, run.began, `${glyph} ${run.verdict}`, run.scenario, run.chain, run.engine, run.page ? opener("report", () => ({ run: run.path })) : ""];
    const made = element("tr", { onclick: (event) => event.target.closest("button, input") || choose(run.path) }, ...cells.map((cell) => element("td", {}, cell)));
    made.className = run.verdict;
    return made;
  }

  function choose(path) {
    chosen = path;
    for (const pick of rows.querySelectorAll("input")) pick.checked = pick.value === path; // the rows stay, and so does the focus
    title();
  }

  function title() {
    const run = runs.find((each) => each.path === chosen);
    heading.textContent = run ? `2. Open a notebook on ${run.scenario} of ${run.began}` : "2. Open a notebook";
    for (const button of books.querySelectorAll("button")) button.disabled = !run;
  }

  for (const book of model.get("notebooks")) {
    const open = opener(book.name, () => (book.of_run ? { notebook: book.name, run: chosen } : { notebook: book.name }));
    (book.of_run ? books : others).append(element("li", {}, open, element("span", { textContent: ` ${book.question}` })));
  }

  function opened(content) {
    const link = element("button", { type: "button", hidden: true });
    link.dataset.commandlinkerCommand = "docmanager:open"; // JupyterLab runs the command of what is clicked
    link.dataset.commandlinkerArgs = JSON.stringify({ path: content.open });
    root.append(link);
    link.click();
    link.remove();
    told.textContent = `Opened ${content.open}`;
  }

  const showWrong = () => { wrong.textContent = model.get("wrong"); };
  model.on("msg:custom", opened);
  model.on("change:wrong", showWrong);
  list();
  title();
  return () => { model.off("msg:custom", opened); model.off("change:wrong", showWrong); };
}

export default { render };
