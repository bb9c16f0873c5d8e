//! Image files in, PNG out.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageError, ImageFormat, ImageReader, RgbImage};
use ndarray::Array3;

use crate::error::{Error, Result};

/// Reads a PNG or JPEG file as RGB in `[0, 1]`, `[3, H, W]`.
///
/// The format is recognised by the content, not by the name. 8 and 16 bits keep their precision; grey becomes three
/// equal channels. Transparent pixels are blended over white, as a viewer shows them: what they hold underneath is
/// arbitrary. (Pillow's `convert("RGB")` shows what is underneath; for opaque images both agree.) The orientation that
/// a camera writes into EXIF is not applied.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Adapter`] when it is not such an image. Both name the file.
pub fn read_image(path: impl AsRef<Path>) -> Result<Array3<f32>> {
    let path = path.as_ref();
    let what = || format!("reading the image {}", path.display());
    let reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|source| Error::Io {
            what: what(),
            source,
        })?;
    let decoded = reader.decode().map_err(|e| failed(what(), e))?;
    Ok(to_array(&decoded))
}

fn to_array(decoded: &DynamicImage) -> Array3<f32> {
    let rgba = decoded.to_rgba32f();
    let (w, h) = (rgba.width() as usize, rgba.height() as usize);
    let mut image = Array3::zeros((3, h, w));
    for (x, y, pixel) in rgba.enumerate_pixels() {
        let [r, g, b, a] = pixel.0;
        for (c, v) in [r, g, b].into_iter().enumerate() {
            image[[c, y as usize, x as usize]] = v * a + (1.0 - a);
        }
    }
    image
}

/// Writes a picture as an 8-bit PNG file. An array becomes a picture with [`to_rgb`](super::to_rgb).
///
/// # Errors
/// [`Error::Io`] when the file cannot be written, [`Error::Adapter`] when the picture cannot be encoded. Both name the
/// file.
pub fn write_png(path: impl AsRef<Path>, picture: &RgbImage) -> Result<()> {
    let path = path.as_ref();
    let what = || format!("writing the picture {}", path.display());
    let mut png = Cursor::new(Vec::new());
    picture
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|e| failed(what(), e))?;
    std::fs::write(path, png.into_inner()).map_err(|source| Error::Io {
        what: what(),
        source,
    })
}

fn failed(what: String, error: ImageError) -> Error {
    match error {
        ImageError::IoError(source) => Error::Io { what, source },
        other => Error::Adapter {
            what,
            reason: other.to_string(),
        },
    }
}
