//! `--preview`: the map in the terminal, as blocks of two pixels above each other.

use std::io::IsTerminal;

use clap::ValueEnum;
use racm::Explanation;
use racm::ndarray::{Array3, ArrayRef2, ArrayRef3, Axis};
use racm::render::{Bands, RgbImage, Scale, Tile, resize, to_rgb};

use super::origin::{Carried, Origin, order};
use crate::Failure;
use crate::say::{line, raw};

/// When the map is shown.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Preview {
    /// On a terminal that shows colours
    Auto,
    /// Anywhere, with 24-bit colours
    Always,
}

/// The widest tile, in columns of the terminal.
const WIDEST: usize = 48;
/// The narrowest one that says something.
const NARROWEST: usize = 16;
/// The tallest, in rows of pixels.
const TALLEST: usize = 96;
/// Planes of a class beyond these are left out.
const PLANES: usize = 16;

/// How colours are written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Colours {
    Of24Bits,
    /// The 256 that nearly all terminals have. Not all that have more say so, above all not through ssh.
    Of256,
}

/// Takes back what the terminal does not show, and says why.
pub fn settle(preview: &mut Option<Preview>) -> Result<(), Failure> {
    let (Some(Preview::Auto), Err(why)) = (*preview, colours()) else {
        return Ok(());
    };
    *preview = None;
    line(format_args!(
        "no preview: {why} (--preview=always shows it anyway)"
    ))
}

/// Shows the picture beside the planes of the first class.
pub fn show(
    origin: &Origin<'_>,
    explanation: &Explanation,
    carried: &[Carried],
) -> Result<(), Failure> {
    let colours = colours().unwrap_or(Colours::Of24Bits);
    let shape = explanation.plan().shape();
    if shape[1..] == [1, 1] {
        return line("no preview: all that a table's map says stands above");
    }
    let columns = match console::Term::stdout().size_checked() {
        Some((_, columns)) => usize::from(columns),
        None => 80,
    };
    let planes = explanation.plan().plane_names();
    let order = order(planes.len(), &carried[0], origin.map.sort);
    let maps = explanation.maps();
    let map = maps.index_axis(Axis(0), 0);
    let region = explanation.region().map(|region| &**region.pixels());
    let mut pictures = Vec::new();
    // The colours of a line say nothing.
    if shape[1] > 1 && shape[2] > 1 {
        pictures.push(Picture {
            name: "image".to_owned(),
            values: pixels(origin.image)?,
        });
    }
    let scale = Scale::of(&map)?;
    for &plane in order.iter().take(PLANES) {
        let values = map.index_axis(Axis(0), plane);
        pictures.push(Picture {
            name: planes[plane].clone(),
            values: tile(&values, scale, origin.image, region)?,
        });
    }
    raw(&drawn(&pictures, columns, colours)?)
}

/// The colours of the terminal, or why there are none.
fn colours() -> Result<Colours, &'static str> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    if !std::io::stdout().is_terminal() {
        return Err("the standard output is no terminal");
    }
    if !variable("NO_COLOR").is_empty() {
        return Err("NO_COLOR is set");
    }
    if ["", "dumb"].contains(&&*variable("TERM")) {
        return Err("the terminal shows no colours");
    }
    Ok(match &*variable("COLORTERM") {
        "truecolor" | "24bit" => Colours::Of24Bits,
        _ => Colours::Of256,
    })
}

/// A picture with its name below.
struct Picture {
    name: String,
    /// `[3, H, W]` in \[0, 1\].
    values: Array3<f32>,
}

/// The values of a picture, black where there is none.
fn pixels(image: &ArrayRef3<f32>) -> Result<Array3<f32>, Failure> {
    let known = image.mapv(|v| if v.is_nan() { 0.0 } else { v });
    Ok(values(&to_rgb(&known, Bands::Auto)?))
}

fn values(picture: &RgbImage) -> Array3<f32> {
    let (width, height) = picture.dimensions();
    let value = |(channel, y, x): (usize, usize, usize)| {
        f32::from(picture.get_pixel(x as u32, y as u32)[channel]) / 255.0
    };
    Array3::from_shape_fn((3, height as usize, width as usize), value)
}

/// A plane as in the panel: over the image, where that is more than a line.
fn tile(
    plane: &ArrayRef2<f32>,
    scale: Scale,
    image: &ArrayRef3<f32>,
    region: Option<&ArrayRef2<bool>>,
) -> Result<Array3<f32>, Failure> {
    let (height, width) = plane.dim();
    let mut tile = Tile::new(plane, scale);
    if height > 1 && width > 1 {
        tile = tile.over(image);
    }
    if let Some(region) = region {
        tile = tile.region(region);
    }
    let mut tile = values(&tile.draw()?);
    if width == 1 {
        // A line from left to right.
        tile.swap_axes(1, 2);
    }
    Ok(tile)
}

/// Rows of pictures, as many beside each other as fit.
fn drawn(pictures: &[Picture], columns: usize, colours: Colours) -> Result<String, Failure> {
    let (_, height, width) = pictures[0].values.dim();
    // The last column stays free: some terminals begin a new line behind it.
    let room = columns.saturating_sub(1).max(NARROWEST);
    let beside = match height {
        1 => 1,
        _ => ((room + 1) / (NARROWEST + 1)).clamp(1, pictures.len()),
    };
    let tile = (room + 1) / beside - 1;
    let [rows, tile] = size([height, width], tile);
    let mut text = String::new();
    for pictures in pictures.chunks(beside) {
        let resized = pictures.iter().map(|p| resize(&p.values, rows, tile));
        let resized: Vec<Array3<f32>> = resized.collect::<Result<_, _>>()?;
        for top in (0..rows).step_by(2) {
            for (i, picture) in resized.iter().enumerate() {
                if i > 0 {
                    text += " ";
                }
                for x in 0..tile {
                    let below = (top + 1 < rows).then(|| colour(picture, top + 1, x));
                    text += &block(colour(picture, top, x), below, colours);
                }
                text += RESET;
            }
            text += "\n";
        }
        let names = pictures.iter().map(|p| centred(&p.name, tile));
        let names = names.collect::<Vec<_>>().join(" ");
        text += names.trim_end();
        text += "\n";
    }
    Ok(text)
}

/// Rows and columns of pixels for an image of this shape in so many columns: pixels are about square, for a row of the
/// terminal holds two. A line is two pixels high.
fn size([height, width]: [usize; 2], columns: usize) -> [usize; 2] {
    if height == 1 {
        return [2, columns];
    }
    let columns = columns.min(WIDEST);
    let shrink = (columns as f64 / width as f64).min(TALLEST as f64 / height as f64);
    let scaled = |side: usize| ((side as f64 * shrink).round() as usize).max(1);
    [scaled(height), scaled(width).min(columns)]
}

fn colour(picture: &Array3<f32>, y: usize, x: usize) -> [u8; 3] {
    [0, 1, 2].map(|channel| (picture[[channel, y, x]].clamp(0.0, 1.0) * 255.0).round() as u8)
}

const RESET: &str = "\u{1b}[0m";

/// Two pixels in one letter: the upper half block in one colour over a ground of the other.
fn block(top: [u8; 3], below: Option<[u8; 3]>, colours: Colours) -> String {
    let set = |ground: u8, [r, g, b]: [u8; 3]| match colours {
        Colours::Of24Bits => format!("\u{1b}[{ground};2;{r};{g};{b}m"),
        Colours::Of256 => format!("\u{1b}[{ground};5;{}m", nearest([r, g, b])),
    };
    let below = match below {
        Some(below) => set(48, below),
        None => "\u{1b}[49m".to_owned(),
    };
    set(38, top) + &below + "\u{2580}"
}

/// The nearest of the 240 colours that all terminals of 256 share: a cube of six steps each way, and 24 greys.
fn nearest(colour: [u8; 3]) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let step = |value: u8| {
        let far = |i: &usize| STEPS[*i].abs_diff(value);
        (0..STEPS.len()).min_by_key(far).unwrap_or(0)
    };
    let distance = |other: [u8; 3]| -> u32 {
        let far = colour
            .iter()
            .zip(other)
            .map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2));
        far.sum()
    };
    let [r, g, b] = colour.map(step);
    let cube = distance([r, g, b].map(|i| STEPS[i]));
    let grey = |i: &u8| distance([8 + 10 * i; 3]);
    match (0..24).min_by_key(grey).filter(|i| grey(i) < cube) {
        Some(i) => 232 + i,
        None => (16 + 36 * r + 6 * g + b) as u8,
    }
}

/// A name in the middle of so many columns; what moves the cursor is left out.
fn centred(name: &str, columns: usize) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let name = console::truncate_str(&name, columns, "..");
    console::pad_str(&name, columns, console::Alignment::Center, None).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pixels_make_one_letter() {
        let values = racm::ndarray::array![
            [[1.0], [0.0], [0.5]],
            [[0.0], [1.0], [0.5]],
            [[0.0], [0.0], [0.5]]
        ];
        let pictures = [Picture {
            name: "a\u{1b}b".to_owned(),
            values,
        }];
        let text = block([255, 0, 0], Some([0, 255, 0]), Colours::Of24Bits);
        assert_eq!(text, "\u{1b}[38;2;255;0;0m\u{1b}[48;2;0;255;0m\u{2580}");
        let text = block([255, 0, 0], None, Colours::Of256);
        assert_eq!(text, "\u{1b}[38;5;196m\u{1b}[49m\u{2580}");
        let drawn = drawn(&pictures, 80, Colours::Of24Bits).unwrap();
        // 96 rows of pixels, and the name.
        assert_eq!(drawn.lines().count(), 49);
        assert!(drawn.ends_with("ab\n"), "{drawn:?}");
    }

    #[test]
    fn pictures_fit_into_the_terminal() {
        let picture = |height, width| Picture {
            name: "a long name of a plane that does not fit".to_owned(),
            values: Array3::from_elem((3, height, width), 0.5),
        };
        for (height, width) in [(96, 96), (7, 300), (300, 7), (1, 50)] {
            for columns in [10, 40, 80, 200] {
                let pictures = [0; 4].map(|_| picture(height, width));
                let text = drawn(&pictures, columns, Colours::Of256).unwrap();
                for line in text.lines() {
                    let shown = console::measure_text_width(line);
                    assert!(
                        shown < columns.max(17),
                        "{height} x {width} in {columns}: {shown}"
                    );
                }
            }
        }
    }

    #[test]
    fn colours_are_the_nearest_of_256() {
        for (colour, index) in [
            ([0, 0, 0], 16),
            ([255, 255, 255], 231),
            ([255, 0, 0], 196),
            ([94, 136, 174], 67),
            ([118, 118, 118], 243),
        ] {
            assert_eq!(nearest(colour), index, "{colour:?}");
        }
    }
}
