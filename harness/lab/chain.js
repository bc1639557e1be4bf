// A chain as a list. Drag a row, or move it by Alt+Up and Alt+Down or its buttons; Space switches it on or off.

const PROBE_AFTER_MS = 400;

function render({ model, el }) {
  let rows = structuredClone(model.get("places"));
  let timer = 0;
  let asked = null;
  let dragged = null;

  const root = element("section", { className: "harness-lab", "aria-label": "A chain, and a request through it" });
  keepKeys(root);
  const heading = element("p", { className: "title" });
  const notes = element("ul", { className: "notes" });
  const list = element("ol", { className: "places", "aria-label": "Providers in the order in which they are asked" });
  const moved = element("p", { className: "unseen", role: "status", "aria-live": "polite" });
  const probe = button("Probe again", () => ask("probe"));
  const compare = button("Show the difference to the file", () => ask("compare"));
  const write = button("Write the file", () => ask("write"));
  write.className = "write";
  const said = element("p", { className: "said", role: "status", "aria-live": "polite" });
  const wrong = element("p", { className: "wrong", role: "alert" });
  const difference = element("pre", { className: "difference", tabIndex: 0, "aria-label": "What would change in the file" });
  const picture = element("div", { className: "shown" });
  const help = element("p", { className: "help" },
    "Drag a row, or focus it: Alt+↑ and Alt+↓ move it, Space switches it on or off. A request goes through the chain after each change; nothing is written before you click.");
  root.append(heading, notes, help, list, moved, wrong, said, picture, element("div", { className: "buttons" }, probe, compare), difference, write);
  el.append(root);

  function button(text, does) {
    return element("button", { type: "button", textContent: text, onclick: does });
  }

  function firstFree() {
    return model.get("facts").fixed ? 1 : 0;
  }

  function commit(sentence) {
    model.set("places", structuredClone(rows));
    model.set("difference", "");
    model.save_changes();
    if (sentence) moved.textContent = sentence;
    if (asked !== null) asked.stale = true;
    clearTimeout(timer);
    timer = setTimeout(() => ask("probe"), PROBE_AFTER_MS);
  }

  function ask(what) {
    if (asked !== null) { // one answer at a time: a change meanwhile is probed afterwards
      if (what === "probe") asked.again = true;
      return;
    }
    asked = { what, again: false, stale: false };
    root.setAttribute("aria-busy", "true");
    said.textContent = { probe: "Probing …", compare: "Comparing …", write: "Writing; a configuration of LiteLLM's is tried on its proxy first, which takes a while …" }[what];
    for (const each of [probe, compare, write]) each.disabled = true;
    model.send({ do: what });
  }

  function answered() {
    const { what, again, stale } = asked ?? {};
    asked = null;
    if (what === "compare" && stale) model.set("difference", ""); // it is about an order that is no longer there
    root.removeAttribute("aria-busy");
    for (const each of [probe, compare, write]) each.disabled = false;
    show();
    if (again) ask("probe");
  }

  function move(from, to) {
    if (to < firstFree() || to >= rows.length || from < firstFree() || from === to) return;
    const [row] = rows.splice(from, 1);
    rows.splice(to, 0, row);
    draw(row.name);
    commit(`${row.name} is now ${to + 1} of ${rows.length}. The order is ${rows.map((each) => each.name).join(", ")}.`);
  }

  function toggle(place) {
    const row = rows[place];
    if (place < firstFree()) return;
    row.on = !row.on;
    draw(row.name);
    commit(`${row.name} is switched ${row.on ? "on" : "off"}.`);
  }

  function failureOf(row) {
    const failures = model.get("failures");
    const known = Object.values(failures).flat();
    const other = row.failure !== "" && !known.includes(row.failure);
    const select = element("select", { "aria-label": `What fails at ${row.name}`, disabled: !row.on });
    select.append(element("option", { value: "", textContent: "does not fail" }));
    for (const [title, kinds] of Object.entries(failures)) {
      const group = element("optgroup", { label: title });
      for (const kind of kinds) group.append(element("option", { value: kind, textContent: kind.replaceAll("_", " ").replace(",retry after=", ", Retry-After ") }));
      select.append(group);
    }
    select.append(element("option", { value: "…", textContent: "as I write it …" }));
    select.value = other || row.writes ? "…" : row.failure;
    const text = element("input", { type: "text", value: row.failure, placeholder: "429,retry_after=2s", disabled: !row.on,
      "aria-label": `Failure of ${row.name}, as harness probe --fail ${row.name}= takes it`, hidden: select.value !== "…" });
    select.onchange = () => {
      row.writes = select.value === "…";
      text.hidden = !row.writes;
      if (row.writes) { text.focus(); return; }
      row.failure = select.value;
      commit(row.failure ? `${row.name} fails: ${row.failure}.` : `${row.name} does not fail.`);
    };
    text.onchange = () => { row.failure = text.value.trim(); commit(`${row.name} fails: ${row.failure}.`); };
    return element("span", { className: "failure" }, select, text);
  }

  function rowOf(row, place) {
    const free = place >= firstFree();
    const fixed = model.get("facts").fixed;
    const state = row.on ? "" : ", switched off";
    const item = element("li", { tabIndex: 0, className: `place${row.on ? "" : " off"}`, "aria-keyshortcuts": "Alt+ArrowUp Alt+ArrowDown Space",
      "aria-label": `${place + 1}: ${row.name}${state}${free ? "" : `; ${fixed}`}` });
    item.dataset.name = row.name;
    const handle = element("span", { className: "handle", textContent: free ? "⠿" : "", "aria-hidden": "true" });
    const box = element("input", { type: "checkbox", checked: row.on, disabled: !free, "aria-label": `${row.name} is asked`, onchange: () => toggle(place) });
    const model_ = element("span", { className: "model", textContent: model.get("facts").models[row.name] || "" });
    const up = button("↑", () => move(place, place - 1));
    const down = button("↓", () => move(place, place + 1));
    up.setAttribute("aria-label", `Move ${row.name} up`);
    down.setAttribute("aria-label", `Move ${row.name} down`);
    up.disabled = !free || place <= firstFree();
    down.disabled = !free || place === rows.length - 1;
    item.append(handle, box, element("span", { className: "name" }, row.name, model_), failureOf(row), element("span", { className: "moves" }, up, down));
    if (!free) item.title = fixed;
    item.onkeydown = (event) => {
      if (event.target !== item) return;
      if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
        event.preventDefault();
        move(place, place + (event.key === "ArrowUp" ? -1 : 1));
      } else if (event.key === " ") {
        event.preventDefault();
        toggle(place);
      }
    };
    item.onpointerdown = (event) => {
      if (!free || event.button !== 0 || event.target.closest("input, select, button, option")) return;
      dragged = { name: row.name, from: place };
      item.classList.add("dragged");
    };
    return item;
  }

  function dragTo(event) {
    if (dragged === null) return;
    event.preventDefault();
    const items = [...list.children];
    const mine = items.find((item) => item.dataset.name === dragged.name);
    const others = items.filter((item) => item !== mine);
    const below = others.findIndex((item, place) => place >= firstFree() && event.clientY < middle(item));
    const before = below < 0 ? null : others[below];
    if (mine.nextElementSibling !== before) list.insertBefore(mine, before);
  }

  function drop() {
    if (dragged === null) return;
    const { name, from } = dragged;
    dragged = null;
    const to = [...list.children].findIndex((item) => item.dataset.name === name);
    if (to === from) draw(name);
    else move(from, to);
  }

  function middle(item) {
    const box = item.getBoundingClientRect();
    return box.top + box.height / 2;
  }

  function draw(focused) {
    list.replaceChildren(...rows.map(rowOf));
    if (focused) [...list.children].find((item) => item.dataset.name === focused)?.focus();
  }

  function show() {
    const facts = model.get("facts");
    heading.replaceChildren(element("strong", { textContent: facts.name }), ` (${facts.driver}), `, element("code", { textContent: facts.file }));
    notes.replaceChildren(...[facts.fixed, ...facts.notes].filter(Boolean).map((note) => element("li", { textContent: note })));
    said.textContent = model.get("said");
    wrong.textContent = model.get("wrong");
    picture.innerHTML = model.get("picture"); // the kernel's own, names in it are escaped
    picture.querySelector("p")?.remove(); // the same sentence is above it
    const lines = model.get("difference");
    difference.hidden = write.hidden = lines === "";
    difference.replaceChildren(...lines.split("\n").map((line) => element("span", { textContent: `${line}\n`, className: { "+": "added", "-": "removed" }[line[0]] || "" })));
    write.textContent = `Write ${facts.file}`;
  }

  function placesChanged() {
    const now = model.get("places");
    const plain = (each) => JSON.stringify(each.map(({ name, on, failure }) => [name, on, failure]));
    if (plain(now) === plain(rows)) return;
    rows = structuredClone(now);
    draw();
  }

  window.addEventListener("pointermove", dragTo);
  window.addEventListener("pointerup", drop);
  window.addEventListener("pointercancel", drop);
  model.on("change:places", placesChanged);
  model.on("change:difference", show);
  model.on("change:answers", answered);
  draw();
  show();
  if (!model.get("picture")) ask("probe");
  return () => {
    clearTimeout(timer);
    window.removeEventListener("pointermove", dragTo);
    window.removeEventListener("pointerup", drop);
    window.removeEventListener("pointercancel", drop);
    model.off("change:places", placesChanged);
    model.off("change:difference", show);
    model.off("change:answers", answered);
  };
}

export default { render };
