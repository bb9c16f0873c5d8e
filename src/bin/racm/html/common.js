// What all pages share: elements, numbers, the theme. Whatever comes from the data is put in as text, never as markup.
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId('data').textContent);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const element = (name, attributes = {}, ...children) =>
  fill(document.createElement(name), attributes, children);

const drawing = (name, attributes = {}, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);

const plain = (size) => size >= 1e-4 && size < 1e6;
const exponent = (value) => Math.floor(Math.log10(Math.abs(value)));

/** A number with so many significant digits. */
function short(value, digits = 3) {
  if (value === null || !Number.isFinite(value)) return 'none';
  if (value === 0) return '0';
  if (!plain(Math.abs(value))) return value.toExponential(digits - 1);
  return value.toFixed(Math.max(0, digits - 1 - exponent(value)));
}

/** A signed number as far as its standard error lets it be known. */
function measured(value, error, between = ' ± ') {
  const sign = value > 0 ? '+' : '';
  if (!Number.isFinite(value)) return 'no value';
  if (error === null || !(error > 0) || !Number.isFinite(error)) return sign + short(value);
  const larger = Math.max(Math.abs(value), error);
  if (exponent(larger) - exponent(error) > 4 || !plain(larger)) {
    return sign + short(value) + between + short(error, 2);
  }
  const decimals = Math.max(0, 1 - exponent(error));
  return sign + value.toFixed(decimals) + between + error.toFixed(decimals);
}

/** Dark or light: as the reader's system has it, until the button says otherwise. */
function startTheme() {
  const root = document.documentElement;
  const button = byId('theme');
  const dark = () =>
    root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const show = () => {
    button.textContent = dark() ? 'Light' : 'Dark';
    button.setAttribute('aria-label', dark() ? 'Light colours' : 'Dark colours');
  };
  button.addEventListener('click', () => {
    root.dataset.theme = dark() ? 'light' : 'dark';
    show();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
  show();
}

/** The command, and a button that copies it, also where a page from a file may not use the clipboard. */
function startCommand() {
  const text = byId('command');
  const button = byId('copy');
  text.textContent = data.command;
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(data.command);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(text);
      button.textContent = 'Selected: copy it with your keyboard';
    }
  });
}

/** What is in a value, a line each, with the names of all that it lies in. */
function* leaves(value, name = '') {
  const simple = (v) => v === null || typeof v !== 'object';
  if (simple(value)) {
    if (value !== null) yield [name, String(value)];
  } else if (Array.isArray(value) && value.every(simple)) {
    if (value.length > 0) yield [name, value.map(String).join(', ')];
  } else {
    for (const [key, inner] of Object.entries(value)) yield* leaves(inner, name ? `${name}: ${key}` : key);
  }
}

function parameterRows(value) {
  return [...leaves(value)].map(([name, text]) =>
    element('tr', {}, element('th', { scope: 'row' }, name.replaceAll('_', ' ')), element('td', {}, text)));
}
