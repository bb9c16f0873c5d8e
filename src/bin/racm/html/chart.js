// Charts of lines, as SVG.

// Okabe and Ito's colours, which the colour-blind can tell apart; used again with dashes.
const COLOURS = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', 'var(--ink)'];
const DASHES = [null, '7 3', '2 3', '9 3 2 3'];
const colourOf = (i) => COLOURS[i % COLOURS.length];
const dashOf = (i) => DASHES[Math.floor(i / COLOURS.length) % DASHES.length];

/** Round numbers between two ends. */
function ticks(low, high, most = 5) {
  const power = 10 ** Math.floor(Math.log10((high - low) / most));
  const step = [1, 2, 5, 10].map((n) => n * power).find((s) => (high - low) / s <= most);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first;
  const decimals = Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const text = (v) => (Math.abs(v) >= 1e6 || (v !== 0 && decimals > 6) ? v.toExponential(1) : v.toFixed(decimals));
  return Array.from({ length: count + 1 }, (_, i) => (first + i) * step).map((v) => [v, text(v === 0 ? 0 : v)]);
}

/** The ends of some numbers, not equal. */
function ends(values, from = []) {
  let [low, high] = [Infinity, -Infinity];
  for (const v of [...from, ...values]) {
    if (!Number.isFinite(v)) continue;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  if (low > high) [low, high] = [0, 1];
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

/** A path through points; a point without a value is a gap. */
function path(points) {
  let text = '';
  let gap = true;
  for (const [x, y] of points) {
    const known = Number.isFinite(y);
    if (known) text += `${gap ? 'M' : 'L'}${x.toFixed(2)} ${y.toFixed(2)}`;
    gap = !known;
  }
  return text;
}

/**
 * A chart of `lines`, each `{name, points: [[x, y, error], ...], index}`: errors are drawn as a band of one to either side.
 * Returns the element, its layers, and where values are in it.
 */
function chart({ label, lines, x, y, xLabel = '', yLabel = '', height = 250, width = 480, filled = false, numbers = true }) {
  const [left, right, top, bottom] = [numbers ? 58 : 14, 10, 12, xLabel ? 42 : 24];
  const toX = (v) => left + ((v - x[0]) / (x[1] - x[0])) * (width - left - right);
  const toY = (v) => top + ((y[1] - v) / (y[1] - y[0])) * (height - top - bottom);
  const fromX = (px) => x[0] + ((px - left) / (width - left - right)) * (x[1] - x[0]);
  const svg = drawing('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label });
  const straight = (x1, y1, x2, y2, name) => drawing('line', { x1, y1, x2, y2, class: name });
  const [under, over] = [drawing('g'), drawing('g')];
  if (numbers) {
    for (const [v, text] of ticks(...y)) {
      svg.append(straight(left, toY(v), width - right, toY(v), v === 0 ? 'zero' : 'grid'));
      svg.append(drawing('text', { x: left - 7, y: toY(v) + 4, 'text-anchor': 'end', class: 'tick' }, text));
    }
  }
  for (const [v, text] of ticks(...x, 6)) {
    svg.append(drawing('text', { x: toX(v), y: height - bottom + 16, 'text-anchor': 'middle', class: 'tick' }, text));
  }
  svg.append(straight(left, height - bottom, width - right, height - bottom, 'axis'), under);
  if (xLabel) svg.append(drawing('text', { x: (left + width - right) / 2, y: height - 6, 'text-anchor': 'middle' }, xLabel));
  if (yLabel) {
    const at = `translate(13 ${(top + height - bottom) / 2}) rotate(-90)`;
    svg.append(drawing('text', { transform: at, 'text-anchor': 'middle' }, yLabel));
  }
  const groups = lines.map(({ points, index }) => {
    const group = drawing('g');
    const stroke = colourOf(index);
    const placed = points.map(([px, py]) => [toX(px), toY(py)]);
    if (filled && placed.length > 0) {
      const zero = toY(Math.min(Math.max(0, y[0]), y[1]));
      const area = `${path(placed)}L${placed.at(-1)[0]} ${zero}L${placed[0][0]} ${zero}Z`;
      group.append(drawing('path', { d: area, class: 'band', fill: stroke }));
    }
    const banded = points.filter((p) => p[2] > 0 && Number.isFinite(p[1]));
    if (banded.length > 1) {
      const up = banded.map(([px, py, e]) => [toX(px), toY(py + e)]);
      const down = banded.map(([px, py, e]) => [toX(px), toY(py - e)]).reverse();
      group.append(drawing('path', { d: `${path(up)}L${path(down).slice(1)}Z`, class: 'band', fill: stroke }));
    }
    group.append(drawing('path', { d: path(placed), class: 'line', stroke, 'stroke-dasharray': dashOf(index) }));
    svg.append(group);
    return group;
  });
  svg.append(over);
  return { svg, groups, under, over, toX, toY, fromX, inside: [top, height - bottom], width };
}

/** The key to lines, each `{name, index}`. */
function key(lines) {
  const entry = ({ name, index }) => element('li', {},
    drawing('svg', { viewBox: '0 0 26 10', 'aria-hidden': 'true' },
      drawing('line', { x1: 0, x2: 26, y1: 5, y2: 5, stroke: colourOf(index), 'stroke-width': 2.5, 'stroke-dasharray': dashOf(index) })),
    name);
  return element('ul', { class: 'key' }, ...lines.map(entry));
}
