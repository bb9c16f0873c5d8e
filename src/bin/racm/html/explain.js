// The page of an explanation.

startTheme();
startCommand();

const kind = data.kind;
const view = { image: imageView, series: seriesView, table: tableView }[kind]();
const sliders = [];
const readings = [];
let drawBoxes = drawContrasts;

function setOpacity(plane, value) {
  state.opacity[plane] = value;
  sliders[plane].value = Math.round(value * 100);
  sliders[plane].setAttribute('aria-valuetext', `${Math.round(value * 100)} %`);
}

/** Only one plane, or all of them as strong. */
function showOnly(wanted, value = 1) {
  planes.forEach((_, plane) => setOpacity(plane, wanted(plane) ? value : 0));
  redraw();
}

const redraw = () => (view.opacities ? view.opacities() : view.draw());

function planeRow(plane) {
  const slider = element('input', { type: 'range', min: 0, max: 100, value: 0, 'aria-label': `Opacity of ${planes[plane]}`, 'data-plane': plane });
  slider.addEventListener('input', () => {
    setOpacity(plane, Number(slider.value) / 100);
    redraw();
  });
  sliders[plane] = slider;
  const only = element('button', { type: 'button', 'aria-label': `Only ${planes[plane]}` }, 'Only');
  only.addEventListener('click', () => showOnly((other) => other === plane));
  readings[plane] = element('td', { class: 'number', 'data-plane': plane });
  const carried = shown().carried?.[plane];
  const carries = carried ? [element('span', { class: 'quiet' }, `carries ${measured(...carried)}`)] : [];
  const small = view.thumb ? [view.thumb(plane)] : [drawing('svg', { viewBox: '0 0 26 10', width: 26 },
    drawing('line', { x1: 0, x2: 26, y1: 5, y2: 5, stroke: colourOf(plane), 'stroke-width': 3, 'stroke-dasharray': dashOf(plane) }))];
  return element('tr', {}, element('td', {}, ...small), element('th', { scope: 'row' }, planes[plane], ...carries),
    element('td', {}, element('div', { class: 'opacity' }, slider, only)), readings[plane]);
}

/** The numbers at the point. */
function drawPoint() {
  const [y, x] = state.at;
  const pixel = y * columns + x;
  planes.forEach((_, plane) => {
    const value = valueAt(plane, pixel);
    readings[plane].textContent = measured(value, errorAt(plane, pixel));
    readings[plane].dataset.value = value;
    readings[plane].dataset.error = errorAt(plane, pixel) ?? '';
  });
  const most = 6;
  const of = ({ name, values }) => `${name} ${Number.isNaN(values[pixel]) ? 'no value' : short(values[pixel])}`;
  const image = channels.slice(0, most).map(of).join(', ') + (channels.length > most ? ', …' : '');
  const place = kind === 'image' ? `Row ${rowOf(y)}, column ${columnOf(x)}.` : `Sample ${columns > 1 ? columnOf(x) : rowOf(y)}.`;
  byId('at').textContent = `${place}${image ? ` ${kind === 'image' ? 'Image' : 'Series'}: ${image}.` : ''}`;
  byId('at').dataset.row = rowOf(y);
  byId('at').dataset.column = columnOf(x);
  view.point();
}

function movePoint([y, x]) {
  state.at = [Math.min(Math.max(y, 0), rows - 1), Math.min(Math.max(x, 0), columns - 1)];
  drawPoint();
}

/** The mouse, a finger or a pen: moving shows numbers, drawing makes a box. */
function startPointer(boxes) {
  let from = null;
  const { node } = view;
  node.addEventListener('pointerdown', (event) => {
    from = { at: view.where(event), x: event.clientX, y: event.clientY, box: false };
    node.setPointerCapture(event.pointerId);
  });
  node.addEventListener('pointermove', (event) => {
    const at = view.where(event);
    movePoint(at);
    if (!from) return;
    from.box ||= Math.hypot(event.clientX - from.x, event.clientY - from.y) > 4;
    if (!from.box) return;
    const between = (i) => [Math.min(from.at[i], at[i]), Math.max(from.at[i], at[i])];
    const [[top, bottom], [left, right]] = [between(0), between(1)];
    boxes.set(state.next, [top, left, bottom, right]);
  });
  const end = () => {
    if (from?.box) boxes.choose(state.next === 'a' ? 'b' : 'a');
    from = null;
  };
  node.addEventListener('pointerup', end);
  node.addEventListener('pointercancel', end);
  node.addEventListener('pointerdown', (event) => movePoint(view.where(event)));
  node.addEventListener('keydown', (event) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const step = event.shiftKey ? 10 : 1;
    movePoint([state.at[0] + step * move[0], state.at[1] + step * move[1]]);
  });
}

function drawCurves() {
  const { curves } = shown();
  byId('curves').replaceChildren();
  if (!curves) {
    byId('curves-note').textContent = data.without_curves
      ?? 'There are none of this map: they are measured for the first maps only.';
    return;
  }
  const calls = curves.insertion.x.length + curves.deletion.x.length;
  const places = { image: 'pixels', series: 'samples', table: 'features' }[kind];
  const elements = data.report.image_shape[0] > 1 && kind !== 'table' ? `channels of ${places}` : places;
  const painting = data.report.method === 'mc-rise';
  byId('curves-note').textContent = `The ${elements}, most important first by this map, are shown from the baseline (${data.report.baseline}) on, or removed from the image: the score on the way, ${calls} model calls.`
    + (painting ? ' This map says what painting over adds: what it has first matters least to the class.' : '');
  const y = ends([...curves.insertion.y, ...curves.deletion.y], [0]);
  const better = painting ? ['lower', 'higher'] : ['higher', 'lower'];
  const panels = [['Insertion', curves.insertion, 'shown', better[0]], ['Deletion', curves.deletion, 'removed', better[1]]];
  byId('curves').append(...panels.map(([name, curve, done, better], index) => {
    const lines = [{ name, index, points: curve.x.map((x, i) => [x, curve.y[i]]) }];
    const { svg } = chart({ label: `${name} curve`, lines, x: [0, 1], y, xLabel: `fraction ${done}`, yLabel: data.quantity || 'score', filled: true });
    const area = element('span', { 'data-area': curve.area }, short(curve.area, 4));
    return element('div', {}, element('h3', {}, `${name}: area `, area, ` (${better} is better)`), svg);
  }));
}

/** All that changes with what is explained. */
function drawTarget() {
  const { name, caption, order } = shown();
  byId('title').textContent = name || 'Explanation';
  byId('caption').textContent = caption;
  byId('threshold').disabled = !shown().errors;
  if (kind !== 'table') {
    byId('planes').replaceChildren(...order.map(planeRow));
    planes.forEach((_, plane) => setOpacity(plane, state.opacity[plane]));
    byId('boxes-note').textContent = boxesNote();
  }
  view.draw();
  if (kind !== 'table') drawPoint();
  drawBoxes();
  drawCurves();
}

function startControls() {
  const [base, threshold, chooser] = ['base', 'threshold', 'target'].map(byId);
  base.addEventListener('change', () => {
    state.base = base.value;
    view.draw();
  });
  threshold.addEventListener('input', () => {
    state.threshold = Number(threshold.value);
    byId('threshold-value').textContent = state.threshold.toFixed(1);
    view.draw();
  });
  if (kind !== 'table') {
    byId('all').addEventListener('click', () => showOnly(() => true, Math.max(0.3, 1 / planes.length)));
    byId('none').addEventListener('click', () => showOnly(() => false));
  }
  chooser.append(...data.targets.map(({ name }, index) => element('option', { value: index }, name)));
  chooser.hidden = data.targets.length < 2;
  chooser.addEventListener('change', () => {
    state.target = Number(chooser.value);
    drawTarget();
  });
}

function startWords() {
  const { explainer, targets, ...parameters } = data.report;
  byId('parameters').replaceChildren(...parameterRows(parameters));
  byId('json').textContent = JSON.stringify(data.report, null, 1);
  const words = [];
  if (kind === 'image') words.push('Draw two boxes into the picture to compare them.');
  const [from, to] = [data.report.resized_from, data.report.image_shape];
  if (from) words.push(`The file has ${from[0]} x ${from[1]} pixels (rows and columns), resized to the ${to[1]} x ${to[2]} that the model takes.`);
  if (data.report.method === 'mc-rise') words.push('A plane says what painting a pixel in its colour adds to the score.');
  if (kind === 'series') words.push('Draw over the series to mark what is to be compared.');
  if (rowStep * columnStep > 1) words.push(`The page has every ${rowStep}. row and every ${columnStep}. column of ${fullRows} x ${fullColumns}.`);
  if (data.of_targets > data.targets.length) words.push(`${data.of_targets - data.targets.length} more maps are in map.npy only.`);
  byId('help').textContent = words.join(' ');
  const finished = data.report.finished ? '' : ' Not all masks of this run have scores yet.';
  byId('footer').textContent = `racm ${data.report.racm_version}. Red is positive, blue negative, in colours that the colour-blind can tell apart.${finished}`
    + ' Numbers are kept in 16 bits, from the lowest to the highest.';
}

async function main() {
  byId('stage').append(view.node);
  if (kind === 'image') await loadImage();
  const { first, at } = start();
  state.at = at;
  startControls();
  startWords();
  if (kind === 'table') {
    for (const id of ['none', 'all', 'base-label', 'at', 'planes-title']) byId(id).hidden = true;
    document.querySelector('.planes').hidden = true;
    byId('explained').classList.add('single');
    byId('boxes').hidden = planes.length < 2;
    byId('boxes-note').textContent = boxesNote();
    drawBoxes = startFeatures();
  } else {
    byId('base-label').hidden = kind !== 'image';
    document.querySelector('.planes').classList.toggle('few', kind === 'image' && planes.length <= 4);
    planes.forEach((_, plane) => (state.opacity[plane] = plane === first ? 1 : 0));
    if (kind === 'series') state.opacity.fill(1);
    const boxes = startBoxes(() => {
      view.point();
      drawBoxes();
    });
    startPointer(boxes);
  }
  drawTarget();
  document.body.dataset.ready = 'yes';
}

main();
