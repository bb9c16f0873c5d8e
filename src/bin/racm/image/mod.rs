//! Images of any kind of file: pictures (PNG, JPEG), arrays (`.npy`, `.npz`), TIFF, and folders with a file a channel.

mod bands;
mod fit;
mod npz;
pub mod tiff;
mod wrong;

use std::cell::Cell;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ::image::ImageDecoder;
use racm::ndarray::Array3;
use racm::render::read_grey_or_rgb;

pub use bands::{is_image, listed};
pub use fit::{Input, Taken, highest, in_both};
use wrong::Wrong;

use crate::npy::parse_image;
use crate::say::warning;
use crate::{Failure, panics, read};

/// What is said of `--image`, and expected where there is no such file.
const EXPECTED: &str =
    "an image (PNG, JPEG, TIFF, .npy or .npz, or a folder with a file a channel)";

/// How an image's file is understood.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Image")]
pub struct ImageArgs {
    /// The array of an .npz file [default: the only one]; other files of a list are read without it
    #[arg(long, value_name = "NAME")]
    pub array: Option<String>,
    /// Values that stand for none: numbers, nan (what a TIFF file declares as no data is NaN, too), inf or -inf. Pixels with
    /// one of them in any channel are masked out of image and map: the model always sees the baseline there, or the
    /// channel's mean if that is not one value a channel, and the map is NaN. NaN and infinities are errors otherwise
    #[arg(
        long,
        value_delimiter = ',',
        allow_hyphen_values = true,
        value_name = "V[,V...]"
    )]
    pub missing: Vec<f32>,
    /// Make three equal channels of a grey image, or grey of a colour image (by Rec. 709), for a model that takes the other
    #[arg(long)]
    pub convert: bool,
}

impl ImageArgs {
    /// These options, as they are given again.
    pub fn options(&self) -> String {
        let mut options = String::new();
        if let Some(array) = &self.array {
            options += &format!(" --array {array}");
        }
        if !self.missing.is_empty() {
            options += &format!(" --missing {}", self.missing_names().join(","));
        }
        if self.convert {
            options += " --convert";
        }
        options
    }

    /// These options for one file of many: --array is about .npz files only.
    pub fn of(&self, path: &Path) -> Self {
        let array = self.array.clone().filter(|_| is_npz(path));
        ImageArgs {
            array,
            ..self.clone()
        }
    }

    /// The values that stand for none, for JSON, which has no NaN.
    pub fn missing_names(&self) -> Vec<String> {
        self.missing.iter().map(f32::to_string).collect()
    }
}

/// An image as its file has it.
pub struct Stored {
    /// `[C, H, W]`. A picture's are in [0, 1], all others as they are, with NaN where the file says that there is no value.
    pub values: Array3<f32>,
    /// The names of the channels, where the file has some.
    pub names: Option<Vec<String>>,
    pub is_picture: bool,
}

impl Stored {
    pub fn picture(values: Array3<f32>) -> Self {
        Stored {
            values,
            names: None,
            is_picture: true,
        }
    }

    fn numbers(values: Array3<f32>) -> Self {
        Stored {
            values,
            names: None,
            is_picture: false,
        }
    }

    /// A channel for people.
    fn channel(&self, index: usize) -> String {
        match &self.names {
            Some(names) => format!("channel {index} ({})", read::quoted(&names[index])),
            None => format!("channel {index}"),
        }
    }
}

/// What a file holds.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Picture,
    Npy,
    Npz,
    Tiff,
}

impl Kind {
    /// By the first bytes, or else by the name, so that a damaged file is called what it should be.
    fn of(path: &Path, start: &[u8]) -> Kind {
        match start {
            [0x93, b'N', b'U', b'M', ..] => return Kind::Npy,
            [b'P', b'K', 3 | 5, 4 | 6, ..] => return Kind::Npz,
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => return Kind::Tiff,
            [0x89, b'P', ..] | [0xff, 0xd8, ..] => return Kind::Picture,
            _ => {}
        }
        let extension = path.extension().unwrap_or_default();
        match &*extension.to_string_lossy().to_lowercase() {
            "npy" => Kind::Npy,
            "npz" => Kind::Npz,
            "tif" | "tiff" => Kind::Tiff,
            _ => Kind::Picture,
        }
    }
}

/// Reads the image of a file, or of a folder with a file a channel. An array or a TIFF file of another shape than what is taken
/// is refused by its header.
pub fn read(path: &Path, args: &ImageArgs, taken: &Taken) -> Result<Stored, Failure> {
    if path.is_dir() {
        return match args.array {
            Some(_) => Err(no_npz(path)),
            None => bands::read(path),
        };
    }
    let fit = |shape| fit::check_numbers(path, shape, args, taken);
    file(path, args.array.as_deref(), &fit)
}

/// All that the image is made of, for a fingerprint.
pub fn contents(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    if !path.is_dir() {
        return Ok(vec![read::bytes(path, EXPECTED)?]);
    }
    let mut contents = Vec::new();
    for name in bands::listed(path)? {
        contents.push(name.as_encoded_bytes().to_vec());
        contents.push(read::bytes(&path.join(name), EXPECTED)?);
    }
    Ok(contents)
}

/// Whether a file is called an .npz file.
pub fn is_npz(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("npz")
}

fn no_npz(path: &Path) -> Failure {
    Wrong::unreadable(path, "it is no .npz file, which --array is about").into()
}

/// Reads one file. Of one that holds numbers in a shape that does not `fit`, no more than the header.
fn file(
    path: &Path,
    array: Option<&str>,
    fit: &dyn Fn([usize; 3]) -> Result<(), Wrong>,
) -> Result<Stored, Failure> {
    let wrong = |reason| Wrong::unreadable(path, reason);
    let (file, bytes) = read::open(path, EXPECTED)?;
    let fault = |e: std::io::Error| wrong(e.to_string());
    let mut start = Vec::new();
    (&file).take(4).read_to_end(&mut start).map_err(fault)?;
    let kind = Kind::of(path, &start);
    if kind != Kind::Npz && array.is_some() {
        return Err(no_npz(path));
    }
    let again = || -> Result<BufReader<File>, Failure> {
        Ok(BufReader::new(read::open(path, EXPECTED)?.0))
    };
    // Readers know texts only.
    let unfit = Cell::new(None);
    let fit = |shape| {
        fit(shape).map_err(|wrong| {
            let said = wrong.to_string();
            unfit.set(Some(wrong));
            said
        })
    };
    let numbers = match kind {
        Kind::Picture => {
            let values = read_grey_or_rgb(path)?;
            if let Some(orientation) = turned(path) {
                warning(format_args!(
                    "{}: its camera says that it is to be turned (EXIF orientation {orientation}), which viewers do. It is \
                     read as its pixels lie, and so are maps and boxes: if the model is to see it upright, save it so first",
                    path.display()
                ))?;
            }
            return Ok(Stored::picture(values));
        }
        Kind::Npy => {
            let file = again()?;
            panics::refused(|| parse_image(file, bytes, &fit))
        }
        Kind::Npz => {
            let file = again()?;
            panics::refused(|| npz::parse(file, bytes, array, &fit))
        }
        Kind::Tiff => {
            let file = again()?;
            panics::refused(|| tiff::parse(file, bytes, &fit))
        }
    };
    let numbers = numbers.map_err(|reason| unfit.take().unwrap_or_else(|| wrong(reason)))?;
    Ok(Stored::numbers(numbers))
}

/// The orientation that a picture's EXIF data asks for, if it is not that of its pixels. A picture that was read has a
/// sound header; whatever is wrong with what a camera added is no reason to refuse it.
fn turned(path: &Path) -> Option<u8> {
    let orientation = || {
        let fault = |e: ::image::ImageError| e.to_string();
        let reader = ::image::ImageReader::open(path).map_err(|e| e.to_string())?;
        let reader = reader.with_guessed_format().map_err(|e| e.to_string())?;
        let mut decoder = reader.into_decoder().map_err(fault)?;
        decoder.orientation().map_err(fault)
    };
    let orientation = panics::refused(orientation).ok()?.to_exif();
    Some(orientation).filter(|&number| number != 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_another_shape_are_refused_by_their_header() {
        let args = ImageArgs {
            array: None,
            missing: Vec::new(),
            convert: false,
        };
        let taken = |channels| Taken {
            by: "the model".to_owned(),
            shape: [Some(channels), Some(4), Some(7)],
            hint: String::new(),
        };
        // 1.6 GB, of which the disk has only the header.
        let path = std::env::temp_dir().join("racm_read_for_header.npy");
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 20000, 20000), }\n";
        let length = (header.len() as u16).to_le_bytes();
        let start = [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes()].concat();
        std::fs::write(&path, start).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(1_600_000_200).unwrap();
        let started = std::time::Instant::now();
        for (channels, expected) in [
            (1, "it has 20000 rows and 20000 columns, expected 4 and 7"),
            (3, "it has 1 channel, expected 3"),
        ] {
            let said = read(&path, &args, &taken(channels)).err().unwrap();
            assert!(said.to_string().contains(expected), "{said}");
            assert!(said.downcast_ref::<Wrong>().is_some());
        }
        assert!(started.elapsed().as_secs() < 1);
        std::fs::remove_file(path).unwrap();
    }
}
