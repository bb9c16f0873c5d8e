// The numbers of the page, read when they are first asked for, and what the reader has chosen.

function bytes(text) {
  const binary = atob(text);
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

/** Numbers in 16 bits: 0 is no value, 1 to 65535 go from `low` to `high`. */
function unpacked({ low, high, codes }) {
  const packed = bytes(codes);
  const step = (high - low) / 65534;
  const values = new Float64Array(packed.length / 2);
  for (let i = 0; i < values.length; i++) {
    const code = packed[2 * i] + 256 * packed[2 * i + 1];
    values[i] = code === 0 ? NaN : low + (code - 1) * step;
  }
  return values;
}

const planes = data.planes;
const [fullRows, fullColumns] = data.size;
const [rowStep, columnStep] = data.step;
const [rows, columns] = data.shown;
const pixels = rows * columns;

/** Rows and columns of the image itself, of which the page may have every second or third only. */
const rowOf = (y) => y * rowStep + Math.floor(rowStep / 2);
const columnOf = (x) => x * columnStep + Math.floor(columnStep / 2);

/** The image's own numbers; those of a picture are its colours, and come with them. */
const channels = (data.channels ?? []).map(({ name, values }) => ({ name, values: values && unpacked(values) }));

const read = new Map();

/** One map with all that belongs to it. */
function target(index) {
  if (!read.has(index)) {
    const kept = data.targets[index];
    read.set(index, {
      ...kept,
      map: unpacked(kept.map),
      errors: kept.errors && unpacked(kept.errors),
      colours: { ...kept.colours, bytes: bytes(kept.colours.bytes) },
      parts: kept.parts && { ...kept.parts, deviations: unpacked(kept.parts.deviations) },
    });
  }
  return read.get(index);
}

const state = {
  target: 0,
  /** How strong each plane is drawn, from 0 to 1. */
  opacity: planes.map(() => 0),
  base: 'grey',
  /** What lies within so many standard errors of 0 is hidden. */
  threshold: 0,
  /** Row and column of the point, on this page. */
  at: [0, 0],
  boxes: { a: null, b: null },
  /** The box that is drawn next. */
  next: 'a',
};

const shown = () => target(state.target);
const valueAt = (plane, pixel) => shown().map[plane * pixels + pixel];
const errorAt = (plane, pixel) => shown().errors?.[plane * pixels + pixel] ?? null;

/** Whether a value is hidden: there is none, or it may be 0. */
function hidden(plane, pixel) {
  const value = valueAt(plane, pixel);
  if (Number.isNaN(value)) return true;
  const error = errorAt(plane, pixel);
  return error !== null && Math.abs(value) < state.threshold * error;
}

/** The plane to begin with, and the point where it is farthest from 0. */
function start() {
  const { map, carried, order } = shown();
  const highest = (plane) => {
    const size = (i) => Math.abs(map[plane * pixels + i]);
    let best = -1;
    for (let i = 0; i < pixels; i++) {
      if (!Number.isNaN(size(i)) && (best < 0 || size(i) > size(best))) best = i;
    }
    return Math.max(best, 0);
  };
  const rank = (plane) => Math.abs(carried ? carried[plane][0] : map[plane * pixels + highest(plane)]);
  const first = order.reduce((best, plane) => (rank(plane) > rank(best) ? plane : best), order[0]);
  const at = highest(first);
  return { first, at: [Math.floor(at / columns), at % columns] };
}
