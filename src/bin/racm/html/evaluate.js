// The page of an evaluation.

startTheme();
startCommand();

/** A table whose columns sort it: `rows` are lists of `{text, value}`, and what has no value comes last. */
function sortable(heads, rows, filter = () => true) {
  const body = element('tbody');
  let sorted = { column: null, down: true };
  const draw = () => {
    const { column, down } = sorted;
    const known = (v) => v !== null && v !== undefined;
    const compare = (a, b) => {
      const [x, y] = [a[column].value, b[column].value];
      if (!known(x) || !known(y)) return known(y) - known(x);
      const order = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true });
      return down ? -order : order;
    };
    const visible = rows.filter(filter);
    const ordered = column === null ? visible : [...visible].sort(compare);
    body.replaceChildren(...ordered.map((cells) => element('tr', {}, ...cells.map(({ text, value }, i) =>
      element(i === 0 ? 'th' : 'td', i === 0 ? { scope: 'row' } : { class: typeof value === 'number' ? 'number' : null, 'data-value': value }, text)))));
  };
  const titles = heads.map((text, column) => {
    const button = element('button', { type: 'button' }, text);
    const head = element('th', { scope: 'col', class: 'sortable' }, button);
    button.addEventListener('click', () => {
      sorted = { column, down: sorted.column === column ? !sorted.down : column > 0 };
      titles.forEach((other) => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', sorted.down ? 'descending' : 'ascending');
      draw();
    });
    return head;
  });
  draw();
  return { table: element('table', {}, element('thead', {}, element('tr', {}, ...titles)), body), draw };
}

/** A mean over the images, with how many have none. */
function summary(cell) {
  if (!cell) return { text: 'not measured', value: null };
  const { mean, standard_error: error, undefined: without, missing } = cell;
  const left = [[without, 'undefined'], [missing, 'missing']].filter(([n]) => n > 0).map(([n, what]) => ` (${n} ${what})`);
  if (mean === null) return { text: `none${left.join('')}`, value: null };
  const text = error === null ? short(mean, 4) : measured(mean, error).replace(/^\+/, '');
  return { text: text + left.join(''), value: mean };
}

function section({ name, columns, rows, differences }) {
  const table = (of) => {
    const cells = of.map((row) => [{ text: row.name, value: row.name }, ...row.cells.map(summary)]);
    return element('div', { class: 'scroll' }, sortable(['Map', ...columns], cells).table);
  };
  if (rows.every((row) => row.cells.every((cell) => summary(cell).value === null))) {
    return element('section', {}, element('h2', {}, name), element('p', { class: 'quiet' }, 'No image has a value: why not stands below.'));
  }
  const nodes = [element('h2', {}, name), table(rows)];
  if (differences.length > 0) {
    nodes.push(element('h3', {}, `Differences: each map less ${rows[0].name}, image by image`), table(differences));
  }
  return element('section', {}, ...nodes);
}

function curves({ name, x, y, panels }) {
  const all = panels.flatMap((panel) => panel.lines.flatMap((line) => line.points.flatMap(([, mean, error]) => [mean - (error ?? 0), mean + (error ?? 0)])));
  const reach = ends(all, [0]);
  const lines = panels.map((panel) => panel.lines.map((line, index) => ({ ...line, index })));
  const charts = panels.map(({ title }, i) => {
    const { svg } = chart({ label: title, lines: lines[i], x: [0, 1], y: reach, xLabel: x, yLabel: y, height: 290 });
    return element('div', {}, element('h3', {}, title), svg);
  });
  return element('section', {}, element('h2', {}, `Curves, ${name}`),
    element('p', { class: 'quiet' }, 'Means over the images; bands are one standard error to either side.'),
    element('div', { class: 'charts' }, ...charts), key(lines[0]));
}

function byImage() {
  const rows = data.by_image;
  byId('by-image-note').textContent = rows ? 'A column’s name sorts by it.' : 'There are too many rows for a page: images.csv has them all.';
  byId('filter').parentElement.hidden = !rows;
  if (!rows) return;
  const cells = rows.map(([file, name, score, map, values]) => [
    { text: file, value: file }, { text: name, value: name }, { text: short(score), value: score }, { text: map, value: map },
    ...values.map((v) => (typeof v === 'number' ? { text: short(v, 4), value: v } : { text: v ?? 'not measured', value: null })),
  ]);
  const filter = byId('filter');
  const wanted = (row) => row.some(({ text }) => text.toLowerCase().includes(filter.value.toLowerCase()));
  const { table, draw } = sortable(['Image', 'Class', 'Score', 'Map', ...data.columns], cells, wanted);
  filter.addEventListener('input', draw);
  byId('by-image-table').append(table);
}

function reasons() {
  byId('reasons').hidden = data.reasons.length === 0;
  const cells = data.reasons.map(({ case: map, metric, reason, images, first }) =>
    [map, metric, reason, images, first].map((value) => ({ text: String(value), value })));
  byId('reasons-table').append(sortable(['Map', 'Metric', 'Why', 'Images', 'The first of them'], cells).table);
}

byId('title').textContent = `Evaluation over ${data.images} ${data.images === 1 ? 'image' : 'images'}`;
byId('caption').textContent = 'Means ± standard errors over the images. A map that does not beat the random one says nothing.';
byId('sections').append(...data.sections.map(section));
byId('curves').append(...data.protocols.map(curves));
byImage();
reasons();
byId('parameters').replaceChildren(...parameterRows(data.parameters));
byId('footer').textContent = `racm ${data.version}`;
document.body.dataset.ready = 'yes';
