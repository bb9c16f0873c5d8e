//! What a file about channels changes of the options.

use std::path::Path;

use racm::{Baseline, Error};

use crate::Failure;
use crate::args::first_given;
use crate::channel_file::ChannelFile;
use crate::image::Input;
use crate::model::{ChannelOrder, ModelArgs};

impl ModelArgs {
    /// Reads the file about channels; what it holds takes the place of options that were not given, and the preset of what
    /// it does not hold.
    pub fn complete(&mut self, baseline: &mut Option<Baseline>) -> Result<(), Failure> {
        let about_input = [
            ("--preset", self.preset.is_some()),
            ("--layout", self.layout.is_some()),
            ("--channel-order", self.channel_order.is_some()),
            ("--scale", !self.scale.is_empty()),
            ("--mean", !self.mean.is_empty()),
            ("--std", !self.std.is_empty()),
            ("--input", self.input.is_some()),
            ("--output", self.output.is_some()),
        ];
        if let (Some(option), "demo") = (first_given(about_input), &*self.model) {
            return Err(format!(
                "{option} is about a model of your own, and the demo takes its images as they are"
            )
            .into());
        }
        self.read_channel_file(baseline)?;
        self.take_preset();
        Ok(())
    }

    fn read_channel_file(&mut self, baseline: &mut Option<Baseline>) -> Result<(), Failure> {
        let Some(path) = &self.channel_file else {
            return Ok(());
        };
        let read = ChannelFile::read(path)?;
        let twice = |column: &str| -> Failure {
            format!(
                "{}: it has a column {column}, expected none beside --{column}",
                path.display()
            )
            .into()
        };
        let is_bgr = matches!(self.channel_order(), ChannelOrder::Bgr);
        for (column, from, to) in [
            ("scale", &read.scale, &mut self.scale),
            ("mean", &read.mean, &mut self.mean),
            ("std", &read.std, &mut self.std),
        ] {
            let Some(values) = from else { continue };
            if !to.is_empty() {
                return Err(twice(column));
            }
            to.clone_from(values);
            // The file has the image's order, the options have the model's.
            if is_bgr {
                to.reverse();
            }
        }
        if let Some(values) = &read.baseline {
            if baseline.is_some() {
                return Err(twice("baseline"));
            }
            *baseline = Some(Baseline::PerChannel(values.clone()));
        }
        self.of_channels = Some(read);
        Ok(())
    }

    /// The names of the image's channels, where they have some: by the file about channels, or by the image's.
    pub fn channel_names<'a>(&'a self, input: &'a Input) -> Option<&'a [String]> {
        let of_channels = self.of_channels.as_ref();
        let named = of_channels.and_then(|channels| channels.names.as_deref());
        named.or(input.names.as_deref())
    }

    /// Refuses an order for another number of channels.
    pub fn check_order(&self, channels: usize) -> Result<(), String> {
        match self.channel_order() {
            ChannelOrder::Bgr if channels != 3 => Err(format!(
                "--channel-order bgr is for 3 channels, expected rgb for the {channels} channels of the image"
            )),
            _ => Ok(()),
        }
    }

    /// Whether the model's file is called like one of a framework.
    fn is_of_another_kind(&self) -> bool {
        const ENDINGS: [&str; 8] = [
            "pt",
            "pth",
            "pkl",
            "h5",
            "keras",
            "pb",
            "tflite",
            "safetensors",
        ];
        let ending = Path::new(&self.model).extension().unwrap_or_default();
        ENDINGS
            .iter()
            .any(|other| ending.eq_ignore_ascii_case(other))
    }

    /// Why a model was not loaded, with the option or the file about channels where that is the reason.
    pub fn unloaded(&self, error: Error) -> Failure {
        match (&self.channel_file, &error) {
            (
                _,
                Error::Parameter {
                    name: "channels",
                    given,
                    expected,
                },
            ) => format!("--channel-order bgr is {given}, expected rgb {expected}").into(),
            (
                Some(file),
                Error::Parameter {
                    name: "scale" | "mean" | "std",
                    ..
                },
            ) => format!("{}: {error}", file.display()).into(),
            _ if self.is_of_another_kind() => format!(
                "{error}; a model of another kind is exported to an ONNX file first (torch.onnx.export, tf2onnx)"
            )
            .into(),
            _ => error.into(),
        }
    }
}
