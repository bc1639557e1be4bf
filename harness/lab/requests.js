// The requests of a run as points: due time by latency, coloured by who served, shaped by outcome.

const MARK = 3.5;
const CELL = 3; // of requests that look alike, one is drawn in so many pixels
const REACH = 14;
const ROOM = { left: 64, right: 12, top: 10, bottom: 40 };
const HEIGHT = 380;

function duration(seconds) {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 100 ? `${Number(seconds.toPrecision(3))} s` : `${Math.round(seconds)} s`;
}

function render({ model, el }) {
  const names = model.get("names");
  const count = names.ids.length;
  const seconds = aligned(model.get("seconds"), Float32Array);
  const codes = aligned(model.get("codes"), Uint32Array);
  const due = (request) => seconds[2 * request];
  const latency = (request) => seconds[2 * request + 1];
  const code = (request, column) => codes[5 * request + column];
  const FILTERS = [["served by", 0, names.served], ["outcome", 1, names.outcomes], ["phase", 2, names.phases], ["kind", 3, names.kinds]];

  let shown = [];
  let drawn = new Map(); // by cell of the hover's reach, the requests that are drawn there
  let current = -1;
  let frame = 0;

  const root = element("section", { className: "harness-lab", "aria-label": "Requests over time" });
  keepKeys(root);
  const filters = element("div", { className: "buttons" });
  const selects = FILTERS.map(([title, column, options]) => {
    const used = new Set();
    for (let request = 0; request < count; request += 1) used.add(code(request, column));
    const select = element("select", { "aria-label": title, onchange: () => { current = -1; draw(); } }, element("option", { value: "", textContent: `${title}: all` }));
    options.forEach((option, place) => used.has(place) && select.append(element("option", { value: String(place), textContent: `${title}: ${option}` })));
    if (used.size > 1) filters.append(select);
    return [select, column];
  });
  filters.append(element("button", { type: "button", textContent: "Slowest", onclick: slowest }));
  const key = element("p", { className: "key" });
  const canvas = element("canvas", { tabIndex: 0, className: "points" });
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "Requests: left and right go from one to the next, Enter shows its waterfall");
  const told = element("p", { className: "said", role: "status", "aria-live": "polite" });
  const thinned = element("p", { className: "soft" });
  const picture = element("div", { className: "shown" });
  root.append(filters, key, canvas, told, thinned, picture);
  el.append(root);

  function aligned(view, Type) {
    return new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  }

  function slowest() {
    current = shown.reduce((worst, request) => (worst < 0 || latency(request) > latency(worst) ? request : worst), -1);
    point();
    if (current >= 0) open();
  }

  function story(request) {
    const [served, outcome, phase, kind, route] = [0, 1, 2, 3, 4].map((column) => code(request, column));
    const came = outcome === 0 ? `served by ${names.served[served]}` : names.outcomes[outcome];
    return `${names.ids[request]} (${names.kinds[kind]}, ${names.phases[phase]}), due at ${duration(due(request))}: ${names.routes[route]}; ${came} after ${duration(latency(request))}`;
  }

  const scale = { width: 600, x: (value) => value, y: (value) => value };

  function measure() {
    scale.width = Math.max(320, root.clientWidth - 12);
    let [from, to, least, most] = [0, 1e-9, Infinity, 1e-3];
    for (let request = 0; request < count; request += 1) {
      to = Math.max(to, due(request));
      least = Math.min(least, Math.max(1e-3, latency(request)));
      most = Math.max(most, latency(request));
    }
    const [low, high] = [Math.log10(Math.min(least, most / 10)) - 0.05, Math.log10(most) + 0.05];
    const inner = { width: scale.width - ROOM.left - ROOM.right, height: HEIGHT - ROOM.top - ROOM.bottom };
    Object.assign(scale, { to, low, high,
      x: (value) => ROOM.left + ((value - from) / (to - from)) * inner.width,
      y: (value) => ROOM.top + (1 - (Math.log10(Math.max(1e-3, value)) - low) / (high - low)) * inner.height });
  }

  function mark(paint, x, y, outcome) {
    paint.beginPath();
    if (outcome === 0) paint.arc(x, y, MARK - 0.5, 0, 7);
    else if (outcome === 1) paint.rect(x - MARK, y - MARK, 2 * MARK, 2 * MARK);
    else if (outcome === 2) { paint.moveTo(x - MARK, y - MARK); paint.lineTo(x + MARK, y + MARK); paint.moveTo(x + MARK, y - MARK); paint.lineTo(x - MARK, y + MARK); }
    else if (outcome === 3) { paint.moveTo(x, y - MARK - 1); paint.lineTo(x + MARK, y + MARK); paint.lineTo(x - MARK, y + MARK); paint.closePath(); }
    else { paint.moveTo(x, y - MARK - 1); paint.lineTo(x + MARK + 1, y); paint.lineTo(x, y + MARK + 1); paint.lineTo(x - MARK - 1, y); paint.closePath(); }
    if (outcome === 0) paint.fill();
    else paint.stroke();
  }

  function axes(paint, ink, line) {
    paint.font = "12px sans-serif";
    paint.textBaseline = "middle";
    for (const [start, end] of names.faults) {
      paint.fillStyle = "rgba(213, 94, 0, .12)";
      const [left, right] = [scale.x(start), Math.min(scale.x(end), scale.width - ROOM.right)];
      paint.fillRect(left, ROOM.top, Math.max(1, right - left), HEIGHT - ROOM.top - ROOM.bottom);
    }
    for (let power = Math.floor(scale.low); power <= scale.high; power += 1) {
      for (const digit of scale.high - scale.low > 2.5 ? [1] : [1, 2, 5]) {
        const value = digit * 10 ** power;
        if (Math.log10(value) < scale.low || Math.log10(value) > scale.high) continue;
        paint.strokeStyle = line;
        paint.beginPath();
        paint.moveTo(ROOM.left, scale.y(value));
        paint.lineTo(scale.width - ROOM.right, scale.y(value));
        paint.stroke();
        paint.fillStyle = ink;
        paint.textAlign = "right";
        paint.fillText(duration(value), ROOM.left - 6, scale.y(value));
      }
    }
    const rough = scale.to / Math.max(2, Math.floor(scale.width / 110));
    const unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((times) => times * unit).find((each) => each >= rough);
    paint.fillStyle = ink;
    paint.textAlign = "center";
    for (let value = 0; value <= scale.to; value += step) paint.fillText(String(Number(value.toPrecision(6))), scale.x(value), HEIGHT - ROOM.bottom + 12);
    paint.fillText("seconds since the run began", (ROOM.left + scale.width) / 2, HEIGHT - 10);
    paint.save();
    paint.translate(11, (HEIGHT - ROOM.bottom) / 2);
    paint.rotate(-Math.PI / 2);
    paint.fillText("latency, logarithmic", 0, 0);
    paint.restore();
  }

  function draw() {
    measure();
    const chosen = selects.filter(([select]) => select.value !== "").map(([select, column]) => [column, Number(select.value)]);
    shown = [];
    for (let request = 0; request < count; request += 1) if (chosen.every(([column, value]) => code(request, column) === value)) shown.push(request);
    const sharp = window.devicePixelRatio || 1;
    canvas.width = scale.width * sharp;
    canvas.height = HEIGHT * sharp;
    canvas.style.width = `${scale.width}px`;
    canvas.style.height = `${HEIGHT}px`;
    const paint = canvas.getContext("2d");
    paint.scale(sharp, sharp);
    const style = getComputedStyle(root);
    axes(paint, style.color, style.getPropertyValue("--lab-line"));
    paint.lineWidth = 1.6;
    const taken = new Set();
    drawn = new Map();
    for (const request of shown) {
      const [x, y] = [scale.x(due(request)), scale.y(latency(request))];
      const [served, outcome] = [code(request, 0), code(request, 1)];
      const place = ((Math.round(x / CELL) * 4096 + Math.round(y / CELL)) * 64 + served) * 8 + outcome;
      if (taken.has(place)) continue;
      taken.add(place);
      paint.fillStyle = paint.strokeStyle = names.colours[served];
      mark(paint, x, y, outcome);
      const cell = `${Math.floor(x / REACH)},${Math.floor(y / REACH)}`;
      if (drawn.has(cell)) drawn.get(cell).push(request);
      else drawn.set(cell, [request]);
    }
    if (current >= 0) {
      paint.strokeStyle = style.color;
      paint.beginPath();
      paint.arc(scale.x(due(current)), scale.y(latency(current)), MARK + 4, 0, 7);
      paint.stroke();
    }
    const hidden = shown.length - taken.size;
    thinned.textContent = `${shown.length.toLocaleString("en")} of ${count.toLocaleString("en")} requests` +
      (hidden > 0 ? `; ${hidden.toLocaleString("en")} of them lie within ${CELL} px of one that looks the same and are not drawn: the keys reach them` : "");
    if (!told.textContent) told.textContent = count ? "Hover a request for its story, click it for its waterfall." : "No request ended in this run.";
  }

  function nearest(event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const [column, row] = [Math.floor(x / REACH), Math.floor(y / REACH)];
    let [best, distance] = [-1, REACH];
    for (let a = column - 1; a <= column + 1; a += 1) for (let b = row - 1; b <= row + 1; b += 1) for (const request of drawn.get(`${a},${b}`) || []) {
      const away = Math.hypot(scale.x(due(request)) - x, scale.y(latency(request)) - y);
      if (away < distance) [best, distance] = [request, away];
    }
    return best;
  }

  function point() {
    if (current >= 0) told.textContent = story(current);
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  }

  function open() {
    if (current < 0) return;
    model.set("opened", names.ids[current]);
    model.save_changes();
  }

  canvas.onpointermove = (event) => {
    const found = nearest(event);
    canvas.style.cursor = found < 0 ? "default" : "pointer";
    if (found < 0 || found === current) return;
    current = found;
    point();
  };
  canvas.onclick = (event) => { const found = nearest(event); if (found >= 0) { current = found; point(); open(); } };
  canvas.onkeydown = (event) => {
    const at = shown.indexOf(current);
    const steps = { ArrowRight: at + 1, ArrowLeft: at < 0 ? 0 : at - 1, Home: 0, End: shown.length - 1, PageDown: at + 100, PageUp: at - 100 };
    if (event.key === "Enter") open();
    else if (event.key in steps && shown.length) {
      current = shown[Math.min(shown.length - 1, Math.max(0, steps[event.key]))];
      point();
    } else return;
    event.preventDefault();
  };

  function legend() {
    const shapes = ["●", "□", "×", "△", "◇"];
    const present = (column) => { const found = new Set(); for (let request = 0; request < count; request += 1) found.add(code(request, column)); return found; };
    const served = present(0);
    const outcomes = present(1);
    names.served.forEach((name, place) => served.has(place) && key.append(element("span", { style: `color: ${names.colours[place]}`, textContent: "■ " }), `${name === "nobody" ? "no provider" : name}  `));
    names.outcomes.forEach((name, place) => outcomes.has(place) && key.append(`${shapes[place]} ${name}  `));
    if (names.faults.length) key.append(element("span", { style: "color: rgba(213, 94, 0, .5)", textContent: "█ " }), "fault");
  }

  const showPicture = () => { picture.innerHTML = model.get("picture"); }; // the kernel's own, names in it are escaped
  model.on("change:picture", showPicture);
  const resized = new ResizeObserver(() => { cancelAnimationFrame(frame); frame = requestAnimationFrame(draw); });
  resized.observe(root);
  legend();
  showPicture();
  draw();
  return () => { resized.disconnect(); model.off("change:picture", showPicture); };
}

export default { render };
