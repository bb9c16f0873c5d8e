// Means over two boxes, and their difference, with standard errors. Of a table: two of its features.

/** Student's 0.975 for 7 degrees of freedom, 8, ...: what parts of the run give. */
const STUDENT = [2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093];
const studentOf = (freedom) => STUDENT[Math.min(Math.max(freedom - 7, 0), STUDENT.length - 1)];

/** The mean of a plane over a box: its value, its pixels by tile, and the mean of the errors. */
function boxMean(plane, [top, left, bottom, right]) {
  const tiles = shown().parts?.tiles;
  const byTile = new Map();
  let [sum, errors, count] = [0, 0, 0];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const pixel = y * columns + x;
      const value = valueAt(plane, pixel);
      if (Number.isNaN(value)) continue;
      sum += value;
      errors += errorAt(plane, pixel) ?? 0;
      count += 1;
      if (!tiles) continue;
      const row = Math.floor((rowOf(y) * tiles[0]) / fullRows);
      const column = Math.floor((columnOf(x) * tiles[1]) / fullColumns);
      const tile = (plane * tiles[0] + row) * tiles[1] + column;
      byTile.set(tile, (byTile.get(tile) ?? 0) + 1);
    }
  }
  return { value: sum / count, count, bound: errors / count, weights: [...byTile].map(([tile, n]) => [tile, n / count]) };
}

/** The standard error of a sum of tiles, each times its weight, by how far the parts of the run lie apart. */
function errorOf(weights) {
  const { count, tiles, deviations } = shown().parts;
  const numbers = planes.length * tiles[0] * tiles[1];
  let squares = 0;
  for (let part = 0; part < count; part++) {
    let sum = 0;
    for (const [tile, weight] of weights) sum += weight * deviations[part * numbers + tile];
    squares += sum * sum;
  }
  return Math.sqrt((count / (count - 1)) * squares);
}

/** A mean with what is known of its error. */
const withError = ({ value, bound, weights, exact = null }) => ({
  value,
  error: exact ?? (shown().parts ? errorOf(weights) : null),
  bound: exact !== null || shown().parts || !shown().errors ? null : bound,
});

const difference = (a, b) => ({
  value: a.value - b.value,
  bound: a.bound + b.bound,
  weights: [...a.weights, ...b.weights.map(([tile, weight]) => [tile, -weight])],
});

function cell(mean, sure = false) {
  if (!mean || Number.isNaN(mean.value)) return element('td', {}, mean ? 'no value' : '');
  const { value, error, bound } = withError(mean);
  const text = bound === null ? measured(value, error) : measured(value, bound, ' ± at most ');
  const attributes = { class: sure ? 'number sure' : 'number', 'data-value': value, 'data-error': error ?? bound };
  return element('td', attributes, text);
}

/** From where to where the difference is, 19 times of 20. */
function interval(mean) {
  const { value, error } = withError(mean);
  if (error === null || Number.isNaN(value)) return null;
  const reach = studentOf(shown().parts.count - 1) * error;
  return [value - reach, value + reach];
}

function intervalCell(mean) {
  const found = mean && interval(mean);
  if (!found) return element('td', {}, '');
  const digits = (v) => measured(v, (found[1] - found[0]) / 4).split(' ± ')[0];
  return element('td', { class: 'number' }, `${digits(found[0])} to ${digits(found[1])}`);
}

const isSure = (mean) => {
  const found = interval(mean);
  return found !== null && (found[0] > 0 || found[1] < 0);
};

function contrastRow(name, a, b) {
  const both = a && b ? difference(a, b) : null;
  return element('tr', {}, element('th', { scope: 'row' }, name), cell(a), cell(b),
    cell(both, both && isSure(both)), intervalCell(both));
}

function drawContrasts() {
  const { a, b } = state.boxes;
  const head = ['', 'Mean in A', 'Mean in B', 'A − B', 'A − B, 95 %'];
  byId('boxes-head').replaceChildren(element('tr', {}, ...head.map((text) => element('th', { scope: 'col' }, text))));
  byId('contrasts').replaceChildren(...shown().order.map((plane) =>
    contrastRow(planes[plane], a && boxMean(plane, a), b && boxMean(plane, b))));
  byId('contrasts').parentElement.hidden = !a && !b;
  byId('rust').textContent = rust(a, b);
  byId('exact').hidden = !(a && b);
}

/** How the numbers are to be read. */
function boxesNote() {
  const { parts, errors } = shown();
  if (parts) {
    const of = kind === 'table' ? ', of a difference' : ',';
    return `± is one standard error${of} from how far ${parts.count} equal parts of the masks lie apart, with what they have in `
      + `common; at ${parts.count - 1} degrees of freedom 95 % is ${short(studentOf(parts.count - 1))} of them to either side. `
      + 'Bold: 0 lies outside.';
  }
  if (errors) {
    return `The estimator ${data.report.estimator} is no sum over masks, or they are too few, so that this page does not know what pixels `
      + 'have in common: the error of a mean is at most the mean of the errors, and that is what stands behind ±.';
  }
  return 'There are no standard errors: the masks are too few, or the estimator has none.';
}

const rustText = (text) => JSON.stringify(String(text));

/** The lines that compute the difference of one plane exactly, of the ledger. */
function rust(a, b) {
  if (!a || !b) return '';
  const { ledger, masks, missing_masks: missing = [], estimator, effect, link, target: asked, surrogate_prior: prior, explainer } = data.report;
  const range = (from, to, of, step, full) => `${of(from) - Math.floor(step / 2)}..${Math.min(of(to) - Math.floor(step / 2) + step, full)}`;
  const add = (box, sign) => {
    const [down, along] = [range(box[0], box[2], rowOf, rowStep, fullRows), range(box[1], box[3], columnOf, columnStep, fullColumns)];
    // What was not evaluated is 0 in maps.
    const area = boxMean(0, box).count * rowStep * columnStep;
    return `weights.slice_mut(s![0, ${down}, ${along}]).mapv_inplace(|w| w ${sign} 1.0 / ${area}.0);`;
  };
  const index = data.targets.length > 1 ? state.target : 0;
  return [
    'let file = std::fs::File::open(' + rustText(ledger) + ')?;',
    // The file may have more masks by now.
    `let ledger = racm::Ledger::read_from(file)?${missing.length > 0 ? '' : `.prefix(${masks})`};`,
    `let explanation = racm::Explanation::from_ledger(ledger.plan()?, ledger, ${rustText(estimator)}.parse()?)?`,
    `    .with_target(${rustText(asked)}.parse::<racm::Target>()?)?`,
    `    .with_link(${rustText(link)}.parse()?)?`,
    // The sums themselves: the files of the prior may change.
    ...(prior?.images ? [`    .with_surrogate_prior(serde_json::from_str(r#"${JSON.stringify(explainer.surrogate_prior)}"#)?)?`] : []),
    ...(effect === 'own' ? ['    .own_effects()?;'] : ['    .with_effect(racm::Effect::Plane)?;']),
    `let mut weights = Array3::zeros((${planes.length}, ${fullRows}, ${fullColumns}));`,
    `${add(a, '+')} // plane 0: ${JSON.stringify(planes[0]).slice(1, -1)}`,
    add(b, '-'),
    `let (difference, error) = explanation.contrast(${index}, &weights)?;`,
  ].join('\n');
}

/** Which box is drawn next, and their places as numbers, for keyboards. */
function startBoxes(changed) {
  const sides = columns > 1 && rows > 1 ? ['rows', 'columns'] : [columns > 1 ? 'columns' : 'rows'];
  if (sides.length === 1) byId('boxes-title').textContent = 'Compare two spans';
  const fields = {};
  const buttons = {};
  const group = (letter) => {
    const button = element('button', { type: 'button', 'aria-pressed': letter === 'a', 'aria-label': `Draw box ${letter.toUpperCase()}` }, `Draw ${letter.toUpperCase()}`);
    button.addEventListener('click', () => choose(letter));
    buttons[letter] = button;
    const numbers = sides.flatMap((side) => {
      const places = side === 'rows' ? [0, 2] : [1, 3];
      const [of, size, step] = side === 'rows' ? [rowOf, rows, rowStep] : [columnOf, columns, columnStep];
      const inputs = places.map((place, i) => {
        const input = element('input', { type: 'number', min: 0, max: of(size - 1), 'aria-label': `Box ${letter.toUpperCase()}, ${i === 0 ? 'first' : 'last'} of its ${side}` });
        input.addEventListener('change', () => {
          const at = Math.round((Number(input.value) - Math.floor(step / 2)) / step);
          const box = state.boxes[letter] ?? [0, 0, rows - 1, columns - 1];
          box[place] = Math.min(Math.max(Number.isFinite(at) ? at : 0, 0), size - 1);
          set(letter, [Math.min(box[0], box[2]), Math.min(box[1], box[3]), Math.max(box[0], box[2]), Math.max(box[1], box[3])]);
        });
        (fields[letter] ??= []).push([input, place, of]);
        return input;
      });
      const word = sides.length === 1 ? 'samples' : side;
      return [`${word} `, inputs[0], ' to ', inputs[1], ' '];
    });
    return element('span', {}, element('span', { class: `letter ${letter}`, 'aria-hidden': 'true' }, letter.toUpperCase()), ' ', button, ' ', ...numbers);
  };
  const choose = (letter) => {
    state.next = letter;
    for (const [name, button] of Object.entries(buttons)) button.setAttribute('aria-pressed', name === letter);
  };
  const set = (letter, box) => {
    state.boxes[letter] = box;
    for (const [input, place, of] of fields[letter]) input.value = box ? of(box[place]) : '';
    changed();
  };
  const clear = element('button', { type: 'button' }, 'Clear');
  clear.addEventListener('click', () => {
    set('a', null);
    set('b', null);
    choose('a');
  });
  byId('boxes-controls').replaceChildren(group('a'), group('b'), clear);
  return { set, choose };
}

/** Of a table: which two features are compared. */
function startFeatures() {
  byId('boxes-title').textContent = 'Compare two features';
  let nodes = [];
  const select = (label, first) => {
    const options = shown().order.map((plane) => element('option', { value: plane }, planes[plane]));
    const node = element('select', { 'aria-label': label }, ...options);
    node.selectedIndex = first;
    node.addEventListener('change', draw);
    return node;
  };
  // Of one value, the error is that of the map.
  const mean = (node) => ({ ...boxMean(Number(node.value), [0, 0, 0, 0]), exact: errorAt(Number(node.value), 0) });
  const draw = () => {
    const head = ['A', 'B', 'A − B', 'A − B, 95 %'];
    byId('boxes-head').replaceChildren(element('tr', {}, ...head.map((text) => element('th', { scope: 'col' }, text))));
    const row = contrastRow('', ...nodes.map(mean));
    row.firstChild.remove();
    byId('contrasts').replaceChildren(row);
    byId('exact').hidden = true;
  };
  nodes = [select('Feature A', 0), select('Feature B', Math.min(1, planes.length - 1))];
  byId('boxes-controls').replaceChildren(nodes[0], ' and ', nodes[1]);
  return draw;
}
