//! Where a model runs.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::text::{saved_as_text, unreadable};

/// Where a model runs. A device that cannot be used is an error ([`Error::Device`]): nothing falls
/// back to the CPU in silence.
///
/// ```
/// use racm::Device;
///
/// assert_eq!("cuda".parse::<Device>()?, Device::Cuda(0));
/// assert_eq!(Device::Cuda(1).to_string(), "cuda:1");
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The NVIDIA GPU of this number, as CUDA counts them. Only ONNX Runtime (`OrtModel`), and of it
    /// only a build with CUDA, such as that in the Python package `onnxruntime-gpu`. Operators for
    /// which it has no GPU code run on the CPU even so. Nobody has measured it yet.
    Cuda(u8),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.pad("cpu"),
            Device::Cuda(number) => f.pad(&format!("cuda:{number}")),
        }
    }
}

/// `cpu`, `cuda` (the first GPU) or `cuda:N`.
impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = match text {
            "cpu" => return Ok(Device::Cpu),
            "cuda" => Ok(0),
            _ => match text.strip_prefix("cuda:") {
                // `parse` would take a sign.
                Some(n) if n.bytes().all(|b| b.is_ascii_digit()) => n.parse().map_err(drop),
                _ => Err(()),
            },
        };
        let expected = "cpu, cuda or cuda:N with N from 0 to 255";
        number
            .map(Device::Cuda)
            .map_err(|()| unreadable("device", text, expected))
    }
}

saved_as_text!(Device);
