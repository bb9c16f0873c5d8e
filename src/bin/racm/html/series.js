// A series, one row or one column of pixels: its lines, and the importance of each plane below.

function seriesView() {
  const node = element('div', { class: 'stage', tabindex: 0, role: 'application',
    'aria-label': 'The series. Arrow keys move the point, with Shift by ten samples.' });
  const sampleOf = (i) => (columns > 1 ? columnOf(i) : rowOf(i));
  const indices = Array.from({ length: pixels }, (_, i) => i);
  const x = ends([sampleOf(0), sampleOf(pixels - 1)]);
  let parts = [];
  let layers = [];

  const stretched = (values) => {
    const [low, high] = ends(values);
    return indices.map((i) => [sampleOf(i), (values[i] - low) / (high - low)]);
  };
  const lines = () => channels.map(({ name, values }, index) => ({ name, index, points: stretched(values) }));
  const importance = () => planes.map((name, plane) => ({
    name,
    index: plane,
    points: indices.map((i) => [sampleOf(i), hidden(plane, i) ? NaN : valueAt(plane, i), errorAt(plane, i)]),
  }));
  const marks = ({ toX, inside: [top, bottom] }) => {
    const half = pixels > 1 ? (toX(sampleOf(1)) - toX(sampleOf(0))) / 2 : 4;
    const nodes = [];
    for (const letter of ['a', 'b']) {
      const box = state.boxes[letter];
      if (!box) continue;
      const [first, last] = columns > 1 ? [box[1], box[3]] : [box[0], box[2]];
      const left = toX(sampleOf(first)) - half;
      nodes.push(drawing('rect', { x: left, y: top, width: toX(sampleOf(last)) + half - left, height: bottom - top, class: `interval-${letter}` }));
    }
    const at = toX(sampleOf(state.at[0] * columns + state.at[1]));
    return [...nodes, drawing('line', { x1: at, x2: at, y1: top, y2: bottom, class: 'point' })];
  };
  const point = () => parts.forEach((part) => part.over.replaceChildren(...marks(part)));
  const opacities = () => layers.forEach((layer, plane) => layer.setAttribute('opacity', state.opacity[plane]));

  return {
    node,
    where: (event) => {
      const { left, width } = parts[0].svg.getBoundingClientRect();
      const sample = parts[0].fromX(((event.clientX - left) / width) * parts[0].width);
      const share = (sample - sampleOf(0)) / Math.max(sampleOf(pixels - 1) - sampleOf(0), 1);
      const i = Math.min(Math.max(Math.round(share * (pixels - 1)), 0), pixels - 1);
      return [Math.floor(i / columns), i % columns];
    },
    point,
    opacities,
    draw: () => {
      const { map, errors } = shown();
      const band = errors ?? new Float64Array(map.length);
      const visible = [...map.keys()].filter((i) => !Number.isNaN(map[i]));
      const y = ends(visible.flatMap((i) => [map[i] - band[i], map[i] + band[i]]), [0]);
      const above = lines();
      const below = importance();
      const importances = chart({ label: 'Importance of each plane along the series', lines: below, x, y, height: 260, xLabel: 'sample', yLabel: data.quantity || 'importance' });
      layers = importances.groups;
      parts = [importances];
      const nodes = [importances.svg, key(below)];
      if (above.length > 0) {
        const series = chart({ label: 'The series', lines: above, x, y: [-0.05, 1.05], height: 170, yLabel: 'each stretched' });
        series.svg.querySelectorAll('.tick[text-anchor=end], .grid, .zero').forEach((n) => n.remove());
        parts = [series, importances];
        const names = above.map((line) => line.name).join() === planes.join() ? [] : [key(above)];
        nodes.unshift(series.svg, ...names);
      }
      node.replaceChildren(...nodes);
      byId('legend').hidden = true;
      opacities();
      point();
    },
  };
}
