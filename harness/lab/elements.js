// The beginning of each widget's module. No code of others, and no address but the kernel's.

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function keepKeys(root) {
  root.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes the keys as its own
  root.addEventListener("keydown", (event) => event.stopPropagation()); // and the arrows move between cells
}
