// A table, one pixel: a bar for each plane, with two standard errors to either side.

function tableView() {
  const body = element('tbody');
  const node = element('table', { class: 'bars' }, body);

  /** From the lowest to the highest, bars, errors and 0 counted, as 0 to 100. */
  const scale = () => {
    const { map } = shown();
    const spread = (plane) => 2 * (errorAt(plane, 0) ?? 0);
    const [low, high] = ends(planes.flatMap((_, p) => [map[p] - spread(p), map[p] + spread(p)]), [0]);
    return { spread, toX: (v) => ((v - low) / (high - low)) * 98 + 1 };
  };

  const row = (plane, { spread, toX }) => {
    const value = valueAt(plane, 0);
    const [from, to] = [Math.min(toX(0), toX(value)), Math.max(toX(0), toX(value))];
    const bar = drawing('svg', { viewBox: '0 0 100 20', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      drawing('rect', { x: from, y: 4, width: to - from, height: 12, class: value < 0 ? 'negative' : 'positive' }),
      drawing('path', { d: `M${toX(0)} 0V20`, class: 'axis' }));
    if (spread(plane) > 0) {
      const [a, b] = [toX(value - spread(plane)), toX(value + spread(plane))];
      bar.append(drawing('path', { d: `M${a} 6V14M${a} 10H${b}M${b} 6V14`, class: 'whisker' }));
    }
    return element('tr', { class: hidden(plane, 0) ? 'faint' : null }, element('th', { scope: 'row' }, planes[plane]),
      element('td', {}, bar), element('td', { class: 'number', 'data-plane': plane, 'data-value': value }, measured(value, errorAt(plane, 0))));
  };

  return {
    node,
    draw: () => {
      const shared = scale();
      body.replaceChildren(...shown().order.map((plane) => row(plane, shared)));
      byId('legend').hidden = true;
    },
  };
}
