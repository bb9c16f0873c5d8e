// A table, one pixel: a bar for each plane, with two standard errors to either side.

function tableView() {
  const node = element('div', {});
  return {
    node,
    draw: () => {
      const { map, errors, order } = shown();
      const [row, left, width, right] = [24, 150, 640, 130];
      const spread = (plane) => 2 * (errors?.[plane] ?? 0);
      const [low, high] = ends(planes.flatMap((_, p) => [map[p] - spread(p), map[p] + spread(p)]), [0]);
      const toX = (v) => left + ((v - low) / (high - low)) * (width - left - right);
      const height = row * planes.length + 8;
      const svg = drawing('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'A bar for each plane' });
      svg.append(drawing('line', { x1: toX(0), x2: toX(0), y1: 0, y2: height, class: 'axis' }));
      order.forEach((plane, place) => {
        const value = map[plane];
        const y = row * place + 4;
        const [from, to] = [Math.min(toX(0), toX(value)), Math.max(toX(0), toX(value))];
        const bar = drawing('g', { opacity: hidden(plane, 0) ? 0.2 : 1 });
        const name = planes[plane].length > 22 ? `${planes[plane].slice(0, 21)}…` : planes[plane];
        bar.append(
          drawing('text', { x: left - 40, y: y + 13, 'text-anchor': 'end' }, name, drawing('title', {}, planes[plane])),
          drawing('rect', { x: from, y: y + 2, width: Math.max(to - from, 0.5), height: row - 9, fill: value < 0 ? '#2166ac' : '#c23b3b' }),
          drawing('text', { x: width, y: y + 13, 'text-anchor': 'end', class: 'tick' }, measured(value, errorAt(plane, 0))));
        if (spread(plane) > 0) {
          const [a, b] = [toX(value - spread(plane)), toX(value + spread(plane))];
          bar.append(drawing('path', { d: `M${a} ${y + 4}V${y + row - 9}M${a} ${y + 9.5}H${b}M${b} ${y + 4}V${y + row - 9}`, stroke: 'var(--ink)', fill: 'none' }));
        }
        svg.append(bar);
      });
      node.replaceChildren(svg);
      byId('legend').hidden = true;
    },
  };
}
