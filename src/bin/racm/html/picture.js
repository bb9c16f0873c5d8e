// The picture of an image's map: the image below, and the planes over it.

/** The marker of what has no value: the panel's greys. */
const HATCH = [202, 128];

/** The picture's colours, 4 bytes a pixel, once they are there. */
let imageBytes = null;

async function loadImage() {
  const image = new Image();
  image.src = data.picture;
  await image.decode();
  const canvas = element('canvas', { width: columns, height: rows });
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0, columns, rows);
  imageBytes = context.getImageData(0, 0, columns, rows).data;
  channels.forEach((channel, c) => {
    channel.values ??= Float64Array.from({ length: pixels }, (_, pixel) => imageBytes[4 * pixel + c] / 255);
  });
}

/** One pixel of what lies below the planes. */
function below(pixel, base, out) {
  const [r, g, b] = [0, 1, 2].map((c) => imageBytes[4 * pixel + c]);
  // Lifted, so that dark images still let colours show.
  const grey = 102 + 0.6 * (0.299 * r + 0.587 * g + 0.114 * b);
  [out[0], out[1], out[2]] = base === 'colour' ? [r, g, b] : base === 'none' ? [247, 247, 247] : [grey, grey, grey];
}

/**
 * Draws planes over the image, nearest pixel by nearest pixel, as the panel's overlays are: weak values tint it like glass,
 * strong ones cover it.
 */
function paint(canvas, opacity, base) {
  const { map, colours } = shown();
  const [height, width] = [canvas.height, canvas.width];
  const context = canvas.getContext('2d');
  const picture = context.createImageData(width, height);
  const { low, high, anchored, bytes: table } = colours;
  const last = table.length / 3 - 1;
  const neutral = table[3 * (last / 2)];
  const layers = [...opacity.keys()].filter((plane) => opacity[plane] > 0);
  const out = [0, 0, 0];
  for (let v = 0, place = 0; v < height; v++) {
    const y = Math.floor(((v + 0.5) * rows) / height);
    for (let u = 0; u < width; u++, place += 4) {
      const pixel = y * columns + Math.floor(((u + 0.5) * columns) / width);
      below(pixel, base, out);
      if (Number.isNaN(map[pixel])) {
        out.fill(HATCH[(u + v) % 8 < 2 ? 1 : 0]);
      }
      for (const plane of layers) {
        if (hidden(plane, pixel)) continue;
        const value = map[plane * pixels + pixel];
        const along = high > low ? Math.min(Math.max((value - low) / (high - low), 0), 1) : 0.5;
        const strength = anchored ? Math.abs(2 * along - 1) : along;
        const entry = 3 * Math.round(along * last);
        for (let c = 0; c < 3; c++) {
          const colour = table[entry + c];
          let painted = colour;
          if (base !== 'none') {
            const tinted = anchored ? Math.min((out[c] * colour) / neutral, 255) : out[c];
            painted = tinted + (colour - tinted) * (anchored ? 0.6 : 0.85) * strength;
          }
          out[c] += (painted - out[c]) * opacity[plane];
        }
      }
      for (let c = 0; c < 3; c++) picture.data[place + c] = Math.round(out[c]);
      picture.data[place + 3] = 255;
    }
  }
  context.putImageData(picture, 0, 0);
}

/** The colour bar, with the numbers of its ends. */
function drawLegend() {
  const { low, high, bytes: table, shown: [from, to] } = shown().colours;
  const canvas = element('canvas', { width: 256, height: 1, 'aria-hidden': 'true' });
  const context = canvas.getContext('2d');
  const picture = context.createImageData(256, 1);
  const last = table.length / 3 - 1;
  for (let i = 0; i < 256; i++) {
    const value = from + ((to - from) * i) / 255;
    const entry = 3 * Math.round(high > low ? ((value - low) / (high - low)) * last : last / 2);
    picture.data.set([table[entry], table[entry + 1], table[entry + 2], 255], 4 * i);
  }
  context.putImageData(picture, 0, 0);
  const signed = (v) => (v > 0 && from < 0 ? '+' : '') + short(v);
  byId('legend').replaceChildren(signed(from), canvas, signed(to), ...(data.quantity ? [data.quantity] : []));
}

/** Where boxes and the point are, over the picture. */
function marks() {
  const [y, x] = state.at;
  const rect = ([top, left, bottom, right], name) =>
    drawing('rect', { x: left, y: top, width: right - left + 1, height: bottom - top + 1, class: name });
  const nodes = [];
  for (const letter of ['a', 'b']) {
    const box = state.boxes[letter];
    if (box) nodes.push(rect(box, 'halo'), rect(box, `box-${letter}`));
  }
  const [cx, cy] = [x + 0.5, y + 0.5];
  const long = Math.max(rows, columns) / 36;
  const cross = `M${cx - long} ${cy}H${cx - 0.25 * long}M${cx + 0.25 * long} ${cy}H${cx + long}`
    + `M${cx} ${cy - long}V${cy - 0.25 * long}M${cx} ${cy + 0.25 * long}V${cy + long}`;
  return [...nodes, drawing('path', { d: cross, class: 'halo' }), drawing('path', { d: cross, class: 'point' })];
}

/** Height by width: that of the image, but for strips that would be too thin to be seen or too long for a window. */
const shape = Math.min(Math.max(fullRows / fullColumns, 1 / 6), 3);

function imageView() {
  const canvas = element('canvas', { id: 'picture', width: columns, height: rows });
  const over = drawing('svg', { class: 'over', viewBox: `0 0 ${columns} ${rows}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  const node = element('div', { class: 'stage', tabindex: 0, role: 'application',
    'aria-label': 'The picture. Arrow keys move the point, with Shift by ten pixels.' }, canvas, over);
  node.style.aspectRatio = 1 / shape;
  node.style.width = `min(100%, ${80 / shape}vh)`;
  const where = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const inside = (at, size) => Math.min(Math.max(Math.floor(at), 0), size - 1);
    return [inside(((event.clientY - top) / height) * rows, rows), inside(((event.clientX - left) / width) * columns, columns)];
  };
  return {
    node,
    where,
    point: () => over.replaceChildren(...marks()),
    draw: () => {
      paint(canvas, state.opacity, state.base);
      drawLegend();
      over.replaceChildren(...marks());
    },
    thumb: (plane) => {
      const small = Math.min(1, 112 / Math.max(rows, columns));
      const size = { width: Math.max(1, Math.round(columns * small)), height: Math.max(1, Math.round(rows * small)) };
      const thumb = element('canvas', { ...size, 'aria-hidden': 'true' });
      thumb.style.aspectRatio = 1 / shape;
      paint(thumb, planes.map((_, p) => (p === plane ? 1 : 0)), 'grey');
      return thumb;
    },
  };
}
