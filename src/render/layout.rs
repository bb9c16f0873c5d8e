//! Where what a panel shows stands in it.

use super::drawing::MARGIN;
use super::legend::LINE;

pub(super) const GAP: u32 = 16;
/// Narrower tiles stand in a cell of this width, so that their names can be read.
const NARROWEST: u32 = 96;
/// Flatter ones in one of this height, so that the colour bar can be: in one row, and where it stands beside two.
const FLATTEST: [u32; 2] = [64, 24];
/// Cells are widened for longer names up to this width.
pub(super) const LONGEST_NAME: u32 = 192;
/// Cells up to which one row holds them all.
const ONE_ROW: usize = 6;

/// Rows of cells, each with a name, a picture if there are any, a tile, and a bar if there are any.
pub(super) struct Layout {
    pub columns: usize,
    pub rows: usize,
    /// What a cell takes with the gap behind and below it.
    pub cell: [u64; 2],
    /// From a cell's upper edge to its picture, to its tile, and to its bar.
    pub picture: u32,
    pub tile: u32,
    pub bar: u32,
    /// The height of the colour bar, beside two rows at most.
    pub colours: u32,
    /// The width of a bar.
    pub bar_width: u32,
}

impl Layout {
    /// Of so many cells with tiles of `[width, height]` pixels; `name` is the room for names, and `bar` the
    /// height of a bar with the space above it.
    pub fn new(
        cells: usize,
        [width, height]: [u32; 2],
        name: u32,
        pictures: bool,
        bar: u32,
        columns: Option<usize>,
    ) -> Self {
        let bar_width = width.max(NARROWEST);
        let width = bar_width.max(name);
        let tile = LINE + if pictures { height + GAP / 2 } else { 0 };
        let below = tile + height;
        let cell =
            |flattest| [width + GAP, (below + bar).max(tile + flattest) + GAP].map(u64::from);
        let columns = columns.unwrap_or_else(|| landscape(cells, cell(FLATTEST[1])));
        let columns = columns.min(cells);
        let rows = cells.div_ceil(columns);
        let flattest = FLATTEST[usize::from(rows > 1)];
        let cell = cell(flattest);
        let beside = if rows > 1 { cell[1] as u32 } else { 0 };
        Layout {
            columns,
            rows,
            cell,
            picture: LINE,
            tile,
            bar: below,
            colours: beside + height.max(flattest),
            bar_width,
        }
    }

    /// The width of all columns, and the height of all rows.
    pub fn size(&self) -> [u64; 2] {
        [
            self.columns as u64 * self.cell[0],
            self.rows as u64 * self.cell[1],
        ]
    }

    /// The width of what stands in a cell.
    pub fn width(&self) -> u32 {
        self.cell[0] as u32 - GAP
    }

    /// The upper left corner of a cell.
    pub fn at(&self, cell: usize) -> (u32, u32) {
        let (row, column) = ((cell / self.columns) as u32, (cell % self.columns) as u32);
        (
            MARGIN + column * self.cell[0] as u32,
            MARGIN + row * self.cell[1] as u32,
        )
    }
}

/// Columns for a panel that is wider than high, as evenly filled as can be.
fn landscape(cells: usize, [width, height]: [u64; 2]) -> usize {
    if cells <= ONE_ROW {
        return cells;
    }
    let columns = (cells as f64 * 1.5 * height as f64 / width as f64)
        .sqrt()
        .ceil() as usize;
    cells.div_ceil(cells.div_ceil(columns))
}
